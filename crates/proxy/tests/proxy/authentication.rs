//! Who may call (RFC 3261 section 22.3, RFC 8760).

use std::time::Duration;

use offhook_proxy::{AuthPolicy, CredentialsFound, Input, Report};
use offhook_sip_core::digest::Algorithm;
use offhook_sip_message::{Auth, HeaderName};
use offhook_testkit::messages::RequestSketch;

use crate::support::*;

const TARGET: (&str, &str) = ("INVITE", "sip:bob@example.com");

fn guarded() -> Lab {
    Lab::with(|config| config.auth = AuthPolicy::Digest)
}

/// A second attempt, in a transaction of its own.
fn retry(number: u32, credentials: &str) -> RequestSketch {
    invite()
        .via(&format!("SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKretry{number};rport"))
        .cseq(1 + number)
        .header("Proxy-Authorization", credentials)
}

/// A lab in which alice has been challenged, and what she answers.
fn challenged(algorithm: Algorithm, user: &str, password: &str) -> (Lab, String) {
    let mut lab = guarded();
    let lines = lab.send(&invite(), udp(ALICE));
    assert_eq!(lines, ["100 INVITE to alice", "407 INVITE to alice"]);
    assert!(lab.send(&same_transaction("ACK"), udp(ALICE)).is_empty());
    let answer = credentials(&lab.response_to(ALICE), algorithm, user, password, TARGET);
    (lab, answer)
}

#[test]
fn a_stranger_is_challenged_with_each_algorithm_the_strongest_first() {
    let mut lab = guarded();
    lab.send(&invite().header("User-Agent", "phone/1"), udp(ALICE));
    lab.send(&same_transaction("ACK"), udp(ALICE));
    let response = lab.response_to(ALICE);
    assert!(response.to().tag().is_some());
    let challenges: Vec<_> = response
        .lines(HeaderName::ProxyAuthenticate)
        .map(|line| Auth::parse(line).unwrap())
        .collect();
    let algorithms: Vec<_> =
        challenges.iter().map(|challenge| challenge.get("algorithm").unwrap().text()).collect();
    assert_eq!(algorithms, [&b"SHA-256"[..], b"MD5"]);
    for challenge in challenges {
        assert_eq!(*challenge.get("realm").unwrap().text(), *REALM.as_bytes());
        assert!(challenge.get("stale").is_none());
    }
    lab.ends_empty();
}

/// SIPp takes the first challenge for MD5, and like other tools it does not say what it is.
#[test]
fn a_tool_is_offered_md5_first() {
    let (lab, _) = challenged(Algorithm::Md5, "alice", "secret");
    let response = lab.response_to(ALICE);
    let mut challenges = response.lines(HeaderName::ProxyAuthenticate).map(Auth::parse);
    let mut algorithm = || challenges.next().unwrap().unwrap().get("algorithm").unwrap().text();
    assert_eq!([algorithm(), algorithm()], [&b"MD5"[..], b"SHA-256"]);
}

#[test]
fn phones_that_know_md5_alone_are_offered_nothing_else() {
    let mut lab = guarded();
    lab.send(&invite().header("User-Agent", "baresip v1.0.0 (x86_64/linux)"), udp(ALICE));
    assert_eq!(lab.response_to(ALICE).lines(HeaderName::ProxyAuthenticate).count(), 1);
}

#[test]
fn the_right_password_opens_the_way() {
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let (mut lab, answer) = challenged(algorithm, "alice", "secret");
        let lines = lab.send(&retry(1, &answer), udp(ALICE));
        assert_eq!(lines, ["100 INVITE to alice", "INVITE to bob"]);
        assert!(!lab.request_to(BOB, "INVITE").has(HeaderName::ProxyAuthorization));
        assert_eq!(lab.answer(BOB, "INVITE", 486), ["ACK to bob", "486 INVITE to alice"]);
        lab.send(
            &retry(1, &answer).via("SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKretry1"),
            udp(ALICE),
        );
        lab.ends_empty();
    }
}

#[test]
fn what_is_wrong_is_challenged_again() {
    let table = [("wrong password", "alice", "guess"), ("no such user", "mallory", "secret")];
    for (name, user, password) in table {
        let (mut lab, answer) = challenged(Algorithm::Sha256, user, password);
        lab.reports.clear();
        let lines = lab.send(&retry(1, &answer), udp(ALICE));
        assert_eq!(lines, ["100 INVITE to alice", "407 INVITE to alice"], "{name}");
        assert!(!is_stale(&lab), "{name}");
        let suspicious = |report: &Report| matches!(report, Report::WrongCredentials { user: claimed, .. } if claimed == user);
        assert!(lab.reports.iter().any(suspicious), "{name}");
    }
    let (mut lab, _) = challenged(Algorithm::Md5, "alice", "secret");
    for nonsense in
        ["Digest", "Basic YTpi", "Digest realm=\"offhook\"", "nonsense", "Digest username="]
    {
        lab.sent.clear();
        let number = lab.branch();
        let sketch = invite()
            .via(&format!("SIP/2.0/UDP 192.0.2.10:5060;branch={number}"))
            .header("Proxy-Authorization", nonsense);
        let lines = lab.send(&sketch, udp(ALICE));
        assert_eq!(lines, ["100 INVITE to alice", "407 INVITE to alice"], "{nonsense}");
    }
}

#[test]
fn an_old_nonce_and_a_used_one_are_stale() {
    let (mut lab, answer) = challenged(Algorithm::Sha256, "alice", "secret");
    lab.pass(Duration::from_secs(301));
    let lines = lab.send(&retry(1, &answer), udp(ALICE));
    assert_eq!(lines, ["100 INVITE to alice", "407 INVITE to alice"]);
    assert!(is_stale(&lab));

    let (mut lab, answer) = challenged(Algorithm::Sha256, "alice", "secret");
    lab.send(&retry(1, &answer), udp(ALICE));
    let lines = lab.send(&retry(2, &answer).call_id("again"), udp(ALICE));
    assert_eq!(lines, ["100 INVITE to alice", "407 INVITE to alice"]);
    assert!(is_stale(&lab), "a recorded answer does not work a second time");
    let is_suspicious = |report: &Report| matches!(report, Report::WrongCredentials { .. });
    assert!(!lab.reports.iter().any(is_suspicious), "the password was right");
}

/// The nonces of a killed process mean nothing to its successor, and clients recover.
#[test]
fn a_nonce_from_before_a_restart_is_challenged_again() {
    let (mut lab, answer) = challenged(Algorithm::Sha256, "alice", "secret");
    lab.restart();
    let lines = lab.send(&retry(1, &answer), udp(ALICE));
    assert_eq!(lines, ["100 INVITE to alice", "407 INVITE to alice"]);
    let answer = credentials(&lab.response_to(ALICE), Algorithm::Sha256, "alice", "secret", TARGET);
    let lines = lab.send(&retry(2, &answer), udp(ALICE));
    assert_eq!(lines, ["100 INVITE to alice", "INVITE to bob"]);
}

#[test]
fn nobody_calls_in_anothers_name() {
    let table = [
        ("another user", "<sip:carol@example.com>;tag=a1"),
        ("another domain of ours", "<sip:alice@other.org>;tag=a1"),
        ("a domain that is not ours", "<sip:alice@elsewhere.net>;tag=a1"),
        ("nobody", "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=a1"),
        ("a telephone", "<tel:+4930123456>;tag=a1"),
    ];
    for (name, from) in table {
        let (mut lab, answer) = challenged(Algorithm::Md5, "alice", "secret");
        let lines = lab.send(&retry(1, &answer).from(from), udp(ALICE));
        let refused = lines.last().unwrap();
        assert!(["403 INVITE to alice", "407 INVITE to alice"].contains(&&**refused), "{name}");
        assert!(!lines.iter().any(|line| line.ends_with("bob")), "{name}: {lines:?}");
    }
    let (mut lab, answer) = challenged(Algorithm::Md5, "alice", "secret");
    let lines = lab.send(&retry(1, &answer).from("<sip:carol@example.com>;tag=a1"), udp(ALICE));
    assert_eq!(lines, ["100 INVITE to alice", "403 INVITE to alice"]);
}

#[test]
fn a_user_name_may_carry_its_domain() {
    let (mut lab, answer) = challenged(Algorithm::Md5, "alice@example.com", "secret");
    lab.holds_questions = true;
    let lines = lab.send(&retry(1, &answer), udp(ALICE));
    assert_eq!(lines, ["credentials of alice?", "100 INVITE to alice"]);
}

#[test]
fn every_method_but_ack_and_cancel_is_asked() {
    for method in ["INVITE", "BYE", "OPTIONS", "MESSAGE", "SUBSCRIBE", "INFO", "REFER", "UNHEARDOF"]
    {
        let mut lab = guarded();
        let lines = lab.send(&request(method), udp(EVE));
        assert_eq!(lines.last().unwrap(), &format!("407 {method} to eve"));
        assert!(lab.proxy.statistics().contexts == 0);
    }
    let mut lab = guarded();
    assert!(lab.send(&request("ACK"), udp(EVE)).is_empty());
    assert_eq!(lab.send(&request("CANCEL"), udp(EVE)), ["481 CANCEL to eve"]);
}

#[test]
fn without_the_directory_there_is_no_service_and_no_leak() {
    let (mut lab, answer) = challenged(Algorithm::Md5, "alice", "secret");
    lab.holds_questions = true;
    lab.send(&retry(1, &answer), udp(ALICE));
    let Question::Credentials(token, _) = lab.question() else { panic!("credentials") };
    let found = CredentialsFound::Unavailable;
    let lines = lab.hand(Input::Credentials { token, found });
    assert_eq!(lines, ["503 INVITE to alice"]);
    assert!(lab.response_to(ALICE).has(HeaderName::RetryAfter));
    // A second answer to the same question changes nothing.
    let found = CredentialsFound::Unknown;
    assert!(lab.hand(Input::Credentials { token, found }).is_empty());
    lab.ends_empty();
}

fn is_stale(lab: &Lab) -> bool {
    let response = lab.response_to(ALICE);
    let mut challenges = response.lines(HeaderName::ProxyAuthenticate).peekable();
    assert!(challenges.peek().is_some());
    challenges.all(|line| {
        let stale = Auth::parse(line).unwrap().get("stale").map(|stale| stale.text().into_owned());
        stale.as_deref() == Some(b"true")
    })
}
