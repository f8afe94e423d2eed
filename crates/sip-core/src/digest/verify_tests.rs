use std::time::Duration;

use super::super::challenge::challenges;
use super::super::ha1::Algorithm;
use super::super::nonces::NonceConfig;
use super::*;

const NOON: UnixTime = UnixTime::from_millis(1_800_000_000_000);
const URI: &str = "sip:offhook.example";

/// A client that knows user 1001's password and one challenge.
struct Client {
    password: &'static str,
    algorithm: Algorithm,
    nonce: String,
    uri: &'static str,
    qop: Option<&'static str>,
}

impl Client {
    fn challenged_by(nonces: &mut Nonces) -> Self {
        Self {
            password: "s3cret",
            algorithm: Algorithm::Sha256,
            nonce: nonces.mint(NOON).to_string(),
            uri: URI,
            qop: Some("auth"),
        }
    }

    /// The header that answers with nonce count `nc`.
    fn answer(&self, nc: u32) -> String {
        let Self { algorithm, nonce, uri, .. } = self;
        let token = algorithm.token();
        let protection = match self.qop {
            Some(qop) => format!(", qop={qop}, cnonce=\"xyz\", nc={nc:08x}"),
            None => String::new(),
        };
        let zeros = "0".repeat(2 * algorithm.hash_bytes());
        let header = |response: &str| {
            format!(
                "Digest username=\"1001\", realm=\"offhook\", nonce=\"{nonce}\", uri=\"{uri}\", \
                 response=\"{response}\", algorithm={token}{protection}"
            )
        };
        let unsigned = header(&zeros);
        let credentials = Credentials::parse(unsigned.as_bytes()).unwrap();
        let ha1 = Ha1::compute(*algorithm, "1001", "offhook", self.password);
        let response = expected_response(&attempt(&credentials, UriMatch::Any), &ha1).to_hex();
        header(std::str::from_utf8(response.as_bytes()).unwrap())
    }
}

fn attempt<'a>(credentials: &'a Credentials<'a>, uri_match: UriMatch) -> Attempt<'a> {
    Attempt { credentials, method: b"REGISTER", request_uri: URI.as_bytes(), uri_match }
}

fn check(nonces: &mut Nonces, header: &str, wall: UnixTime) -> Verdict {
    let credentials = Credentials::parse(header.as_bytes()).unwrap();
    let ha1 = Ha1::compute(credentials.algorithm(), "1001", "offhook", "s3cret");
    verify(nonces, &attempt(&credentials, UriMatch::Equivalent), Some(&ha1), wall)
}

fn nonces() -> Nonces {
    Nonces::new([1; 32], NonceConfig::default())
}

/// Account, method, algorithm, the other parameters, and the response that they give.
type KnownAnswer = ([&'static str; 3], &'static str, Algorithm, &'static str, &'static str);

const RFC_7616: [&str; 3] = ["Mufasa", "http-auth@example.org", "Circle of Life"];
const RFC_7616_PARAMS: &str = "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
    uri=\"/dir/index.html\", qop=auth, nc=00000001, \
    cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\"";
const RFC_2617: [&str; 3] = ["Mufasa", "testrealm@host.com", "Circle Of Life"];
const RFC_2617_PARAMS: &str = "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", \
    uri=\"/dir/index.html\", qop=auth, nc=00000001, cnonce=\"0a4f113b\"";
const OWN: [&str; 3] = ["1001", "offhook", "s3cret"];
const OWN_PARAMS: &str =
    "nonce=\"abc\", uri=\"sip:offhook.example\", qop=auth, nc=0000001a, cnonce=\"xyz\"";
const OWN_WITHOUT_QOP: &str = "nonce=\"abc\", uri=\"sip:offhook.example\"";

/// The values of RFC 7616 section 3.9.1 and RFC 2617 section 3.5, and others that were computed with
/// another implementation.
#[rustfmt::skip]
const KNOWN_ANSWERS: [KnownAnswer; 8] = [
    (RFC_7616, "GET", Algorithm::Md5, RFC_7616_PARAMS,
        "8ca523f5e9506fed4657c9700eebdbec"),
    (RFC_7616, "GET", Algorithm::Sha256, RFC_7616_PARAMS,
        "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    (RFC_2617, "GET", Algorithm::Md5, RFC_2617_PARAMS,
        "6629fae49393a05397450978507c4ef1"),
    (OWN, "REGISTER", Algorithm::Md5, OWN_PARAMS,
        "037f6b23ef3c4ecec28e6cb4771b301f"),
    (OWN, "REGISTER", Algorithm::Md5, OWN_WITHOUT_QOP,
        "11f5fe8abe83bd1dc723482987755aac"),
    (OWN, "REGISTER", Algorithm::Sha256, OWN_PARAMS,
        "15835b8e66b27ef0a0d11ece58214e65552a951cafc200429b24a132138ac55d"),
    (OWN, "REGISTER", Algorithm::Sha256, OWN_WITHOUT_QOP,
        "1fc1be20e4b5945cbf48af5fd22c4350c02af0b356938158031112e77fc7370a"),
    (OWN, "REGISTER", Algorithm::Sha512_256, OWN_PARAMS,
        "694b60aee321f6509b27e06563587fe48c4018f0f58d07fc2eb219f2616a2c68"),
];

#[test]
fn known_answers() {
    for ([user, realm, password], method, algorithm, params, response) in KNOWN_ANSWERS {
        let header = format!(
            "Digest username=\"{user}\", realm=\"{realm}\", response=\"{response}\", \
             algorithm={}, {params}",
            algorithm.token()
        );
        let credentials = Credentials::parse(header.as_bytes()).unwrap();
        let attempt = Attempt {
            credentials: &credentials,
            method: method.as_bytes(),
            request_uri: b"",
            uri_match: UriMatch::Any,
        };
        let computed = expected_response(&attempt, &Ha1::compute(algorithm, user, realm, password));
        assert_eq!(computed.to_hex().as_bytes(), response.as_bytes(), "{header}");
    }
}

#[test]
fn a_right_answer_is_accepted_once_for_each_count() {
    let mut nonces = nonces();
    for algorithm in [Algorithm::Md5, Algorithm::Sha256, Algorithm::Sha512_256] {
        let client = Client { algorithm, ..Client::challenged_by(&mut nonces) };
        for (nc, verdict) in [
            (1, Verdict::Accepted),
            (1, Verdict::Replayed),
            (3, Verdict::Accepted),
            (2, Verdict::Accepted),
            (0, Verdict::Replayed),
        ] {
            assert_eq!(check(&mut nonces, &client.answer(nc), NOON), verdict, "count {nc}");
        }
    }
}

#[test]
fn a_client_without_qop_may_use_a_nonce_once() {
    let mut nonces = nonces();
    let client =
        Client { qop: None, algorithm: Algorithm::Md5, ..Client::challenged_by(&mut nonces) };
    assert_eq!(check(&mut nonces, &client.answer(0), NOON), Verdict::Accepted);
    let again = check(&mut nonces, &client.answer(0), NOON);
    assert_eq!(again, Verdict::Replayed);
    assert!(again.is_stale(), "the next challenge lets it go on by itself");
}

#[test]
fn an_old_nonce_is_stale_for_those_who_know_the_password_alone() {
    let mut nonces = nonces();
    let knows = Client::challenged_by(&mut nonces);
    let guesses = Client { password: "guess", ..Client::challenged_by(&mut nonces) };
    let later = NOON + Duration::from_secs(301);
    assert_eq!(check(&mut nonces, &knows.answer(1), later), Verdict::Stale);
    let wrong = Verdict::Refused(Refusal::WrongResponse);
    assert_eq!(check(&mut nonces, &guesses.answer(1), later), wrong);
    assert_eq!(check(&mut nonces, &guesses.answer(1), NOON), wrong);
    assert_eq!(nonces.tracked(), 0, "strangers take up no memory");
}

#[test]
fn what_was_not_offered_is_refused() {
    let mut nonces = nonces();
    let mut other = Nonces::new([2; 32], NonceConfig::default());
    let foreign = Client::challenged_by(&mut other);
    let verdict = check(&mut nonces, &foreign.answer(1), NOON);
    assert_eq!(verdict, Verdict::Refused(Refusal::ForeignNonce));
    let auth_int = Client { qop: Some("auth-int"), ..Client::challenged_by(&mut nonces) };
    let verdict = check(&mut nonces, &auth_int.answer(1), NOON);
    assert_eq!(verdict, Verdict::Refused(Refusal::QopNotOffered));
}

#[test]
fn an_unknown_user_and_a_hash_of_another_algorithm_are_refused() {
    let mut nonces = nonces();
    let header = Client::challenged_by(&mut nonces).answer(1);
    let credentials = Credentials::parse(header.as_bytes()).unwrap();
    let attempt = attempt(&credentials, UriMatch::Equivalent);
    let unknown = verify(&mut nonces, &attempt, None, NOON);
    assert_eq!(unknown, Verdict::Refused(Refusal::UnknownUser));
    let md5 = Ha1::compute(Algorithm::Md5, "1001", "offhook", "s3cret");
    let mismatch = verify(&mut nonces, &attempt, Some(&md5), NOON);
    assert_eq!(mismatch, Verdict::Refused(Refusal::AlgorithmMismatch));
}

#[test]
fn the_uri_is_compared_as_closely_as_asked() {
    let rows: [(&str, [bool; 3]); 7] = [
        ("sip:offhook.example", [true, true, true]),
        ("sip:OFFHOOK.example", [true, true, true]),
        ("sip:offhook.example:5060", [false, true, true]),
        ("sip:offhook.example;transport=tcp", [false, true, true]),
        ("sips:offhook.example", [false, false, true]),
        ("sip:eve@offhook.example", [false, false, true]),
        ("/dir/index.html", [false, false, true]),
    ];
    let modes = [UriMatch::Equivalent, UriMatch::SameTarget, UriMatch::Any];
    for (uri, fits) in rows {
        for (uri_match, fits) in modes.into_iter().zip(fits) {
            let mut nonces = nonces();
            let header = Client { uri, ..Client::challenged_by(&mut nonces) }.answer(1);
            let credentials = Credentials::parse(header.as_bytes()).unwrap();
            let ha1 = Ha1::compute(Algorithm::Sha256, "1001", "offhook", "s3cret");
            let verdict = verify(&mut nonces, &attempt(&credentials, uri_match), Some(&ha1), NOON);
            let expected =
                if fits { Verdict::Accepted } else { Verdict::Refused(Refusal::OtherUri) };
            assert_eq!(verdict, expected, "{uri} {uri_match:?}");
        }
    }
}

#[test]
fn memory_stays_bounded_and_the_oldest_nonce_turns_stale() {
    let config = NonceConfig { max_tracked: 100, ..NonceConfig::default() };
    let mut nonces = Nonces::new([1; 32], config);
    let first = Client::challenged_by(&mut nonces);
    assert_eq!(check(&mut nonces, &first.answer(1), NOON), Verdict::Accepted);
    for step in 1..=1_000 {
        let wall = NOON + Duration::from_millis(step);
        let nonce = nonces.mint(wall).to_string();
        let client = Client { nonce, ..Client::challenged_by(&mut nonces) };
        assert_eq!(check(&mut nonces, &client.answer(1), wall), Verdict::Accepted);
    }
    assert_eq!(nonces.tracked(), 100);
    let verdict = check(&mut nonces, &first.answer(2), NOON + Duration::from_secs(2));
    assert_eq!(verdict, Verdict::Replayed);
}

#[test]
fn a_challenge_can_be_answered() {
    let mut nonces = nonces();
    let [value] =
        challenges(&mut nonces, "offhook", &[Algorithm::Sha256], false, NOON).try_into().unwrap();
    let nonce = value.split('"').nth(3).unwrap().to_owned();
    let client = Client { nonce, ..Client::challenged_by(&mut nonces) };
    assert_eq!(check(&mut nonces, &client.answer(1), NOON), Verdict::Accepted);
}
