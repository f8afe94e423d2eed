//! What is not let in (RFC 3261 section 16.3), and that the platform is no open relay.

use offhook_proxy::{AuthPolicy, Input};
use offhook_sip_message::{HeaderName, Request};
use offhook_testkit::messages::{self, RequestSketch};

use crate::support::*;

/// A request, and what it is answered with. Nothing else happens.
fn check(request: Request, status: u16) {
    let method = String::from_utf8_lossy(request.method_token()).into_owned();
    let mut lab = Lab::new();
    let lines = lab.send_request(request.clone(), udp(ALICE));
    let story = request.bytes().escape_ascii().to_string();
    assert_eq!(lines, [format!("{status} {method} to alice")], "{story}");
    let response = lab.response_to(ALICE);
    assert!(response.to().tag().is_some(), "{story}");
    assert_eq!(response.header(HeaderName::Server), Some(&b"Offhook"[..]));
    if method == "INVITE" {
        assert!(lab.send(&same_transaction("ACK"), udp(ALICE)).is_empty());
    }
    lab.ends_empty();
}

#[test]
fn requests_that_cannot_be_forwarded() {
    let to = |uri: &str| RequestSketch::new("INVITE", uri);
    let table = [
        ("a hop too many", replaced("Max-Forwards: 70", "Max-Forwards: 0"), 483),
        ("no number", replaced("Max-Forwards: 70", "Max-Forwards: many"), 400),
        ("an extension", invite().header("Proxy-Require", "sec-agree, x").request(), 420),
        ("no TLS here", to("sips:bob@example.com").request(), 416),
        ("a telephone", to("tel:+4930123456").request(), 416),
        ("a letter", to("mailto:bob@example.com").request(), 416),
        ("another domain", to("sip:bob@elsewhere.net").request(), 403),
        ("another address", to("sip:bob@203.0.113.9").request(), 403),
        ("by way of another", invite().header("Route", "<sip:203.0.113.9;lr>").request(), 403),
        (
            "by way of us and another",
            invite().header("Route", "<sip:example.com;lr>, <sip:203.0.113.9;lr>").request(),
            403,
        ),
        ("a route that is none", invite().header("Route", "nonsense").request(), 400),
        ("nobody in particular", to("sip:example.com").request(), 404),
        ("nobody of that name", to("sip:mallory@example.com").request(), 404),
        ("a name that cannot be", to("sip:a%00b@example.com").request(), 404),
    ];
    for (name, request, status) in table {
        let is_looked_up = name == "nobody of that name";
        if is_looked_up {
            let mut lab = Lab::new();
            let lines = lab.send_request(request, udp(ALICE));
            assert_eq!(lines, ["100 INVITE to alice", "404 INVITE to alice"]);
        } else {
            check(request, status);
        }
    }
}

#[test]
fn the_refused_extensions_are_named() {
    let mut lab = Lab::new();
    lab.send(
        &invite().header("Proxy-Require", "one, two").header("Proxy-Require", "three"),
        udp(ALICE),
    );
    let response = lab.response_to(ALICE);
    assert_eq!(response.header(HeaderName::Unsupported), Some(&b"one, two, three"[..]));
}

#[test]
fn what_is_meant_for_the_platform_itself() {
    let mut lab = Lab::new();
    let ping = RequestSketch::new("OPTIONS", "sip:example.com");
    assert_eq!(lab.send(&ping, udp(ALICE)), ["200 OPTIONS to alice"]);
    let response = lab.response_to(ALICE);
    assert!(response.has_token(HeaderName::Allow, "INVITE"));
    assert!(response.to().tag().is_some());
    lab.ends_empty();
    for uri in ["sip:192.0.2.1", "sip:192.0.2.1:5060", "sip:localhost"] {
        check(RequestSketch::new("OPTIONS", uri).request(), 200);
        check(RequestSketch::new("MESSAGE", uri).request(), 404);
    }
}

/// It asks nobody for a password there, and tells nobody anything about users.
#[test]
fn the_platform_answers_for_itself_without_asking_who_it_is() {
    let mut lab = Lab::with(|config| config.auth = AuthPolicy::Digest);
    let ping = RequestSketch::new("OPTIONS", "sip:example.com");
    assert_eq!(lab.send(&ping, udp(EVE)), ["200 OPTIONS to eve"]);
    let probe = RequestSketch::new("OPTIONS", "sip:bob@example.com")
        .via("SIP/2.0/UDP 203.0.113.66:5060;branch=z9hG4bKe")
        .call_id("probe");
    assert_eq!(lab.send(&probe, udp(EVE)), ["407 OPTIONS to eve"]);
}

#[test]
fn every_name_of_the_platform_leads_to_the_same_user() {
    for host in ["example.com", "EXAMPLE.COM.", "localhost", "192.0.2.1", "192.0.2.1:5060"] {
        let mut lab = Lab::new();
        let sketch = RequestSketch::new("MESSAGE", &format!("sip:b%6fb@{host};transport=udp"));
        assert_eq!(lab.send(&sketch, udp(ALICE)), ["MESSAGE to bob"], "{host}");
    }
    let mut lab = Lab::new();
    lab.holds_questions = true;
    let sketch = RequestSketch::new("MESSAGE", "sip:bob@other.org");
    assert_eq!(lab.send(&sketch, udp(ALICE)), ["targets of bob@other.org?"]);
}

#[test]
fn an_ack_is_never_answered() {
    let table = [
        RequestSketch::new("ACK", "sip:bob@elsewhere.net").request(),
        RequestSketch::new("ACK", "sips:bob@example.com").request(),
        RequestSketch::new("ACK", "sip:example.com").request(),
        same_transaction("ACK").header("Route", "<sip:203.0.113.9;lr>").request(),
        same_transaction("ACK").header("Route", "nonsense").request(),
    ];
    for request in table {
        let mut lab = Lab::new();
        let story = request.bytes().escape_ascii().to_string();
        assert!(lab.send_request(request, udp(EVE)).is_empty(), "{story}");
        assert_eq!(lab.proxy.statistics(), Default::default(), "{story}");
    }
}

#[test]
fn while_draining_dialogs_go_on_and_new_calls_are_sent_elsewhere() {
    let (mut lab, mut call) = Lab::talking();
    assert!(lab.hand(Input::Drain(true)).is_empty());
    let second = invite().call_id("second").via("SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKsecond");
    assert_eq!(lab.send(&second, udp(ALICE)), ["503 INVITE to alice"]);
    assert!(lab.response_to(ALICE).has(HeaderName::RetryAfter));
    let message = request("MESSAGE").via("SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKmessage");
    assert_eq!(lab.send(&message, udp(ALICE)), ["MESSAGE to bob"]);
    let lines = lab.send_in(&mut call.bob, "INVITE", udp(BOB));
    assert_eq!(lines, ["100 INVITE to bob", "INVITE to alice"]);
    assert_eq!(lab.send_in(&mut call.alice, "BYE", udp(ALICE)), ["BYE to bob"]);
    assert!(lab.hand(Input::Drain(false)).is_empty());
    let third = invite().call_id("third").via("SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKthird");
    assert_eq!(lab.send(&third, udp(ALICE)), ["100 INVITE to alice", "INVITE to bob"]);
}

#[test]
fn a_full_table_says_503_and_lets_in_what_ends_calls() {
    let mut lab = Lab::with(|config| config.max_transactions = 1);
    assert_eq!(lab.send(&invite(), udp(ALICE)), ["100 INVITE to alice", "INVITE to bob"]);
    let second = invite().call_id("second").via("SIP/2.0/UDP 192.0.2.30;branch=z9hG4bKs");
    assert_eq!(lab.send(&second, udp(CAROL)), ["503 INVITE to carol"]);
    assert!(lab.response_to(CAROL).has(HeaderName::RetryAfter));
    lab.answer(BOB, "INVITE", 180);
    let lines = lab.send(&same_transaction("CANCEL"), udp(ALICE));
    assert_eq!(lines, ["200 CANCEL to alice", "CANCEL to bob"]);
    assert_eq!(lab.answer(BOB, "INVITE", 487), ["ACK to bob", "487 INVITE to alice"]);
    lab.ends_empty();
}

/// The client table may be full when the server table is not: of four branches two are sent.
#[test]
fn branches_beyond_the_table_are_not_sent() {
    let mut lab = Lab::with(|config| config.max_transactions = 2);
    lab.give_bob([BOB, BOB2, BOB3, CAROL].map(target).into());
    let lines = lab.send(&invite(), udp(ALICE));
    assert_eq!(lines, ["100 INVITE to alice", "INVITE to bob", "INVITE to bob2"]);
    assert_eq!(lab.answer(BOB, "INVITE", 486), ["ACK to bob"]);
    assert_eq!(lab.answer(BOB2, "INVITE", 486), ["ACK to bob2", "486 INVITE to alice"]);
    lab.send(&same_transaction("ACK"), udp(ALICE));
    lab.ends_empty();
}

fn replaced(from: &str, to: &str) -> Request {
    let text = String::from_utf8(invite().bytes().to_vec()).unwrap();
    messages::request(text.replace(from, to).into())
}
