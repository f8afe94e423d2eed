//! Responses on their way back (RFC 3261 section 16.7).

use bytes::Bytes;
use offhook_proxy::Input;
use offhook_sip_message::{HeaderName, Response};
use offhook_testkit::ReplySketch;
use offhook_testkit::messages::{self, RequestSketch};

use crate::support::*;

#[test]
fn a_response_leaves_as_it_came_but_for_our_via() {
    let mut lab = Lab::called();
    let via = text(lab.request_to(BOB, "INVITE").values(HeaderName::Via).next().unwrap());
    let odd = |vias: &str| {
        format!(
            "SIP/2.0 183 Très bien \t.\r\nX-First:  1\r\n{vias}\
             f: \"Alice\" <sip:alice@example.com>;tag=a1\r\nt: <sip:bob@example.com>;tag=b1\r\n\
             i: call-1@192.0.2.10\r\nCSeq: 1 INVITE\r\nSubject: folded\r\n\tagain\r\nl: 2\r\n\r\nxy"
        )
    };
    let theirs = "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKalice1;rport=5060;received=192.0.2.10";
    let table = [
        (format!("Via: {via}\r\nVia: {theirs}\r\n"), format!("Via: {theirs}\r\n")),
        (format!("v: {via}\r\nv: {theirs}\r\n"), format!("v: {theirs}\r\n")),
        (format!("Via: {via}, {theirs}\r\n"), format!("Via: {theirs}\r\n")),
    ];
    for (received, forwarded) in table {
        let response = messages::response(odd(&received).into());
        assert_eq!(lab.hand(Input::Response { response }), ["183 INVITE to alice"]);
        assert_eq!(text(lab.response_to(ALICE).bytes()), odd(&forwarded));
    }
}

#[test]
fn a_100_ends_here_and_other_provisional_responses_go_on() {
    let mut lab = Lab::called();
    assert!(lab.answer(BOB, "INVITE", 100).is_empty());
    for status in [180, 181, 182, 183, 199, 180] {
        let expected = format!("{status} INVITE to alice");
        assert_eq!(lab.answer(BOB, "INVITE", status), [expected]);
    }
}

#[test]
fn a_final_response_goes_back_once_and_is_acknowledged_hop_by_hop() {
    for status in [301, 302, 400, 404, 408, 480, 486, 488, 500, 504, 600, 603, 606] {
        let mut lab = Lab::ringing();
        let lines = lab.answer(BOB, "INVITE", status);
        assert_eq!(lines, ["ACK to bob".to_owned(), format!("{status} INVITE to alice")]);
        let ack = lab.request_to(BOB, "ACK");
        assert_eq!(ack.to().tag(), Some(&b"b1"[..]));
        assert_eq!(ack.top_via().branch(), lab.request_to(BOB, "INVITE").top_via().branch());
        assert_eq!(lab.response_to(ALICE).to().tag(), Some(&b"b1"[..]));
        // Bob repeats himself because the ACK was lost, alice because the response was.
        assert_eq!(lab.answer(BOB, "INVITE", status), ["ACK to bob"]);
        assert_eq!(lab.send(&invite(), udp(ALICE)), [format!("{status} INVITE to alice")]);
        assert!(lab.send(&same_transaction("ACK"), udp(ALICE)).is_empty());
        assert!(lab.send(&invite(), udp(ALICE)).is_empty());
        lab.ends_empty();
    }
}

/// Section 16.7 step 6: a 503 would make the caller avoid this proxy.
#[test]
fn a_503_from_below_becomes_a_500() {
    let mut lab = Lab::called();
    assert_eq!(lab.answer(BOB, "INVITE", 503), ["ACK to bob", "500 INVITE to alice"]);
    assert!(lab.response_to(ALICE).to().tag().is_some());
}

#[test]
fn a_2xx_goes_back_each_time_it_comes() {
    let mut lab = Lab::ringing();
    for _ in 0..3 {
        assert_eq!(lab.answer(BOB, "INVITE", 200), ["200 INVITE to alice"]);
    }
    // Alice's INVITE was repeated meanwhile: the 2xx is bob's to repeat.
    assert!(lab.send(&invite(), udp(ALICE)).is_empty());
    let lines = lab.pass_secs(60);
    assert!(lines.is_empty(), "{lines:?}");
    assert!(lab.answer(BOB, "INVITE", 200).is_empty(), "long after 64*T1");
}

#[test]
fn responses_to_other_requests_go_back_once() {
    for method in ["OPTIONS", "MESSAGE", "SUBSCRIBE", "UNHEARDOF"] {
        for status in [200, 202, 302, 404, 481, 500, 603] {
            let mut lab = Lab::new();
            assert_eq!(lab.send(&request(method), udp(ALICE)), [format!("{method} to bob")]);
            let expected = format!("{status} {method} to alice");
            assert_eq!(lab.answer(BOB, method, status), [&*expected]);
            assert!(lab.answer(BOB, method, status).is_empty());
            assert_eq!(lab.send(&request(method), udp(ALICE)), [expected]);
            lab.ends_empty();
        }
    }
}

#[test]
fn what_belongs_to_nothing_is_dropped() {
    let mut lab = Lab::ringing();
    let request = lab.request_to(BOB, "INVITE");
    let good = text(&ReplySketch::new(&request, 200).bytes());
    let branch = text(request.top_via().branch().unwrap());
    let table = [
        ("another branch", good.replace(&branch, "z9hG4bK0123456789abcdef")),
        ("no branch", good.replace(&format!(";branch={branch}"), "")),
        ("another method", good.replace("CSeq: 1 INVITE", "CSeq: 1 BYE")),
        ("a CANCEL that was not sent", good.replace("CSeq: 1 INVITE", "CSeq: 1 CANCEL")),
    ];
    for (name, text) in table {
        let response = messages::response(text.into());
        assert!(lab.hand(Input::Response { response }).is_empty(), "{name}");
    }
    assert_eq!(lab.answer(BOB, "INVITE", 200), ["200 INVITE to alice"]);
}

/// Section 16.7 step 3: such a response was meant for the platform, which has nobody to pass it to.
#[test]
fn a_response_without_another_via_is_not_forwarded() {
    for status in [180, 200, 486] {
        let mut lab = Lab::ringing();
        let request = lab.request_to(BOB, "INVITE");
        let good = ReplySketch::new(&request, status).response();
        let mut edit = good.edit();
        let ours = text(good.values(HeaderName::Via).next().unwrap());
        edit.remove_all(HeaderName::Via);
        edit.push_first(HeaderName::Via, ours.as_bytes());
        let response = messages::response(edit.finish());
        assert!(lab.hand(Input::Response { response }).is_empty());
        assert!(!lab.answer(BOB, "INVITE", 486).is_empty(), "the branch still waits");
    }
}

#[test]
fn a_challenge_from_below_passes_with_those_of_the_other_branches() {
    let mut lab = Lab::new();
    lab.give_bob([BOB, BOB2, BOB3].map(target).into());
    lab.send(&invite(), udp(ALICE));
    let mut reply = |host, status, header: &str, value: &str| {
        let request = lab.request_to(host, "INVITE");
        lab.reply(&ReplySketch::new(&request, status).header(header, value))
    };
    reply(BOB, 401, "WWW-Authenticate", "Digest realm=\"one\", nonce=\"1\"");
    reply(BOB2, 486, "Retry-After", "5");
    let lines = reply(BOB3, 407, "Proxy-Authenticate", "Digest realm=\"two\", nonce=\"2\"");
    assert_eq!(lines, ["ACK to bob3", "401 INVITE to alice"]);
    let response = lab.response_to(ALICE);
    let challenges =
        |response: &Response, name| -> Vec<String> { response.lines(name).map(text).collect() };
    let www = challenges(&response, HeaderName::WwwAuthenticate);
    assert_eq!(www, ["Digest realm=\"one\", nonce=\"1\""]);
    let proxy = challenges(&response, HeaderName::ProxyAuthenticate);
    assert_eq!(proxy, ["Digest realm=\"two\", nonce=\"2\""]);
}

/// RFC 3261 section 18.2.2, RFC 3581: to the port that is named, or that the request came from.
#[test]
fn responses_go_where_the_via_says() {
    let table = [
        ("192.0.2.10:5060;branch=z9hG4bK1;rport", "192.0.2.10:9999", "192.0.2.10:9999"),
        ("192.0.2.10:5070;branch=z9hG4bK1", "192.0.2.10:9999", "192.0.2.10:5070"),
        ("192.0.2.10;branch=z9hG4bK1", "192.0.2.10:9999", "192.0.2.10:5060"),
        ("10.0.0.1:5070;branch=z9hG4bK1", "192.0.2.10:9999", "192.0.2.10:5070"),
    ];
    for (via, source, expected) in table {
        let mut lab = Lab::new();
        lab.send(&request("MESSAGE").via(&format!("SIP/2.0/UDP {via}")), udp(source));
        lab.answer(BOB, "MESSAGE", 200);
        assert_eq!(lab.sent.last().unwrap().flow, udp(expected), "{via}");
    }
    let mut lab = Lab::new();
    let sketch = request("MESSAGE").via("SIP/2.0/TCP 10.0.0.1:5070;branch=z9hG4bK1");
    lab.send(&sketch, tcp(NAT, 7));
    assert_eq!(lab.answer(BOB, "MESSAGE", 200), ["200 MESSAGE to nat by TCP connection 7"]);
}

/// Old phones leave out what RFC 3261 made mandatory.
#[test]
fn requests_without_tags_and_cookies_are_served() {
    let old = || {
        RequestSketch::new("INVITE", "sip:bob@example.com")
            .via("SIP/2.0/UDP 192.0.2.10:5060")
            .from("<sip:alice@example.com>")
    };
    let mut lab = Lab::new();
    assert_eq!(lab.send(&old(), udp(ALICE)), ["100 INVITE to alice", "INVITE to bob"]);
    assert_eq!(lab.send(&old(), udp(ALICE)), ["100 INVITE to alice"], "a repeat");
    let request = lab.request_to(BOB, "INVITE");
    // Bob is of the same age.
    let lines = lab.reply(&ReplySketch::new(&request, 486).tag(""));
    assert_eq!(lines, ["ACK to bob", "486 INVITE to alice"]);
    lab.ends_empty();
}

#[test]
fn our_own_responses_have_a_tag_and_a_100_has_none() {
    let mut lab = Lab::new();
    lab.bindings.clear();
    lab.send(&invite(), udp(ALICE));
    let tags: Vec<Option<Bytes>> = lab
        .sent
        .iter()
        .map(|sent| sent.message.head().to().tag().map(Bytes::copy_from_slice))
        .collect();
    assert_eq!(tags[0], None, "100");
    let tag = tags[1].clone().expect("480");
    assert!(tag.len() >= 8, "section 19.3: at least 32 random bits");
    // A To tag that is there stays.
    let mut lab = Lab::new();
    let sketch = RequestSketch::new("INFO", "sip:nobody@example.com").to("<sip:x@y.z>;tag=known");
    lab.send(&sketch, udp(ALICE));
    assert_eq!(lab.response_to(ALICE).to().tag(), Some(&b"known"[..]));
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
