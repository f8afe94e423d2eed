//! Digest authentication of REGISTERs (RFC 3261 section 22).

use std::time::Duration;

use offhook_registrar::{Authentication, CredentialsFound, Input, Report, StoreOutcome};
use offhook_sip_core::{Algorithm, AuthRole, AuthenticatorConfig, Ha1};
use offhook_sip_message::{HeaderName, Response};
use offhook_testkit::messages::RequestSketch;

use crate::desk::{Desk, PHONE, Wanted, flow, register, text};

const A: &str = "<sip:alice@192.0.2.10>";
const REALM: &str = "offhook";

fn desk() -> Desk {
    Desk::with(|config| {
        config.authentication = Authentication::Digest(AuthenticatorConfig {
            role: AuthRole::UserAgentServer,
            realm: REALM.into(),
            algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
            md5_only_user_agents: vec!["baresip v1.".into()],
            nonce_lifetime: Duration::from_secs(300),
        });
    })
}

/// What a phone makes of a challenge: `Authorization` with MD5 and `qop=auth`.
fn authorization(nonce: &str, user: &str, password: &str, count: u32) -> String {
    let hash = |a: &str, b: &str, c: &str| Ha1::compute(Algorithm::Md5, a, b, c).to_hex();
    // Each of these is the hash of three parts with colons between them, as an HA1 is.
    let first = hash(user, REALM, password);
    let second = hash("REGISTER", "sip", "example.com");
    let rest = format!("{count:08x}:cn:auth:{second}");
    let response = hash(&first, nonce, &rest);
    format!(
        "Digest username=\"{user}\", realm=\"{REALM}\", nonce=\"{nonce}\", uri=\"sip:example.com\", \
         response=\"{response}\", algorithm=MD5, qop=auth, nc={count:08x}, cnonce=\"cn\""
    )
}

fn challenges(response: &Response) -> Vec<String> {
    response.lines(HeaderName::WwwAuthenticate).map(text).collect()
}

fn nonce(response: &Response) -> String {
    let challenge = &challenges(response)[0];
    let start = challenge.find("nonce=\"").unwrap() + 7;
    challenge[start..].split('"').next().unwrap().to_owned()
}

/// Sends a request and answers the look-up with alice's hashes, or with none.
fn try_it(desk: &mut Desk, sketch: &RequestSketch, known: bool) -> Wanted {
    let wanted = desk.hand(Input::Request { request: sketch.request(), flow: flow(PHONE) });
    let Some((token, aor)) = wanted.credentials.first().cloned() else { return wanted };
    let hash = |algorithm| Ha1::compute(algorithm, &aor, REALM, "secret");
    let found = if known {
        CredentialsFound::Known(vec![hash(Algorithm::Md5), hash(Algorithm::Sha256)])
    } else {
        CredentialsFound::Unknown
    };
    desk.hand(Input::Credentials { token, found })
}

fn with_password(cseq: u32, nonce: &str, password: &str, count: u32) -> RequestSketch {
    let credentials = authorization(nonce, "alice", password, count);
    register(cseq).header("Contact", A).header("Authorization", &credentials)
}

#[test]
fn a_phone_is_challenged_and_registers_with_its_password() {
    let mut desk = desk();
    let sketch = register(1).header("Contact", A).header("User-Agent", "phone/1");
    let first = try_it(&mut desk, &sketch, true);
    let answer = first.answer();
    assert_eq!(answer.status().as_u16(), 401);
    let offered = challenges(&answer);
    assert!(offered[0].contains("SHA-256") && offered[1].contains("MD5"), "{offered:?}");
    let nonce = nonce(&answer);
    let second = try_it(&mut desk, &with_password(2, &nonce, "secret", 1), true);
    assert_eq!(second.stores.len(), 1);
    let done = desk.stored(second.stores[0].0, StoreOutcome::Durable);
    assert_eq!(done.status(), 200);
    let Report::Registered { aor, bindings, .. } = &done.reports[0] else {
        panic!("{:?}", done.reports)
    };
    assert_eq!((&**aor, *bindings), ("alice", 1), "the log can say who registered");
    let refresh = try_it(&mut desk, &with_password(3, &nonce, "secret", 2), true);
    assert_eq!(refresh.stores.len(), 1, "the nonce serves on");
}

#[test]
fn an_old_phone_is_offered_what_it_knows() {
    let mut desk = desk();
    let sketch = register(1).header("Contact", A).header("User-Agent", "baresip v1.0.0 (x86_64)");
    let offered = challenges(&try_it(&mut desk, &sketch, true).answer());
    assert_eq!(offered.len(), 1);
    assert!(offered[0].contains("MD5"));
}

#[test]
fn a_wrong_password_and_an_unknown_user_look_the_same() {
    let shape = |answer: &Response| {
        let values = challenges(answer);
        let without_nonce: Vec<_> =
            values.iter().map(|value| value.replace(&nonce(answer), "")).collect();
        (answer.status(), text(answer.reason()), without_nonce)
    };
    let attempt = |password: &str, known: bool| {
        let mut desk = desk();
        let nonce = nonce(&try_it(&mut desk, &register(1), known).answer());
        let wanted = try_it(&mut desk, &with_password(2, &nonce, password, 1), known);
        assert!(wanted.stores.is_empty());
        let in_log = matches!(wanted.reports[..], [Report::WrongCredentials { .. }]);
        assert!(in_log, "the operator learns what the sender does not: {:?}", wanted.reports);
        shape(&wanted.answer())
    };
    let wrong = attempt("guess", true);
    assert_eq!(wrong, attempt("guess", false));
    assert_eq!(wrong, attempt("secret", false));
    assert_eq!(wrong.0.as_u16(), 401);
    assert!(wrong.2.iter().all(|value| !value.contains("stale")));
}

#[test]
fn replays_and_old_or_foreign_nonces_are_stale() {
    let mut desk = desk();
    let nonce = nonce(&try_it(&mut desk, &register(1), true).answer());
    let accepted = try_it(&mut desk, &with_password(2, &nonce, "secret", 1), true);
    desk.stored(accepted.stores[0].0, StoreOutcome::Durable);
    let is_stale = |wanted: &Wanted| {
        let answer = wanted.answer();
        answer.status().as_u16() == 401
            && challenges(&answer).iter().all(|value| value.contains("stale=true"))
    };
    assert!(is_stale(&try_it(&mut desk, &with_password(3, &nonce, "secret", 1), true)), "replay");
    let foreign = "0".repeat(nonce.len());
    assert!(
        is_stale(&try_it(&mut desk, &with_password(4, &foreign, "secret", 1), true)),
        "foreign"
    );
    desk.pass(Duration::from_secs(301));
    assert!(is_stale(&try_it(&mut desk, &with_password(5, &nonce, "secret", 9), true)), "old");
    assert_eq!(desk.registrar.binding_count(), 1);
}

#[test]
fn good_credentials_of_somebody_else_are_forbidden() {
    let mut desk = desk();
    let nonce = nonce(&try_it(&mut desk, &register(1), true).answer());
    for (cseq, user, to, status) in [
        (2, "alice", "<sip:bob@example.com>", Some(403)),
        (3, "alice", "<sip:alice@other.org>", None),
        (4, "alice@elsewhere.net", "<sip:alice@example.com>", Some(403)),
    ] {
        let credentials = authorization(&nonce, user, "secret", cseq);
        let sketch =
            register(cseq).to(to).header("Contact", A).header("Authorization", &credentials);
        let wanted = desk.hand(Input::Request { request: sketch.request(), flow: flow(PHONE) });
        let Some((token, aor)) = wanted.credentials.first().cloned() else {
            assert_eq!(Some(wanted.status()), status, "{user} {to}");
            continue;
        };
        let expected = if to.contains("other.org") { "alice@other.org" } else { "alice" };
        assert_eq!(aor, expected);
        let hashes = vec![Ha1::compute(Algorithm::Md5, "alice", REALM, "secret")];
        let found = CredentialsFound::Known(hashes);
        let wanted = desk.hand(Input::Credentials { token, found });
        match status {
            Some(status) => assert_eq!(wanted.status(), status, "{user} {to}"),
            None => assert_eq!(wanted.stores.len(), 1, "a user name alone is of the domain of To"),
        }
    }
}

#[test]
fn a_directory_that_is_down_or_silent_is_not_the_phones_fault() {
    let mut desk = desk();
    let nonce = nonce(&try_it(&mut desk, &register(1), true).answer());
    let request = |cseq| with_password(cseq, &nonce, "secret", cseq).request();
    let ask = |desk: &mut Desk, cseq| {
        let wanted = desk.hand(Input::Request { request: request(cseq), flow: flow(PHONE) });
        wanted.credentials[0].0
    };
    let token = ask(&mut desk, 2);
    let wanted = desk.hand(Input::Credentials { token, found: CredentialsFound::Unavailable });
    assert_eq!(wanted.status(), 503);
    let token = ask(&mut desk, 3);
    let wanted = desk.pass(Duration::from_secs(6));
    let last = offhook_testkit::messages::response(wanted.sent.last().unwrap().1.clone());
    assert_eq!(last.status().as_u16(), 503);
    let late = desk.hand(Input::Credentials { token, found: CredentialsFound::Known(Vec::new()) });
    assert!(late.is_nothing());
    assert_eq!(desk.registrar.counters().unavailable, 2);
}
