//! What a request looks like when it leaves (RFC 3261 section 16.6).

use bytes::Bytes;
use offhook_sip_core::flow_token::FlowTokens;
use offhook_sip_message::{HeaderName, Request};
use offhook_testkit::messages::{self, RequestSketch};

use crate::support::*;

/// A request with parts that a proxy has no business with, some of them odd.
const ODD_INVITE: &str = "INVITE sip:bob@example.com;user=phone SIP/2.0\r\n\
    v: SIP/2.0/UDP 192.0.2.10:5060 ;branch=z9hG4bKodd;rport\r\n\
    Route: <sip:example.com;lr>\r\n\
    X-Custom-Thing:   spaces\tand tabs  \r\n\
    Max-Forwards: 12\r\n\
    f: \"A, quoted \\\" comma\" <sip:alice@example.com>;tag=a1\r\n\
    t: <sip:bob@example.com>\r\n\
    i: odd-call\r\n\
    CSEQ: 00031 INVITE\r\n\
    Subject: folded\r\n over lines\r\n\
    Proxy-Authorization: Digest username=\"alice\", realm=\"offhook\", nonce=\"n\", uri=\"u\", response=\"r\"\r\n\
    Proxy-Authorization: Digest username=\"alice\", realm=\"elsewhere\", nonce=\"n\", uri=\"u\", response=\"r\"\r\n\
    m: <sip:alice@192.0.2.10>\r\n\
    unknown: é\r\n\
    l: 5\r\n\
    \r\n\
    v=0\r\n";

const ODD_FORWARDED: &str = "INVITE sip:bob@192.0.2.20:5060 SIP/2.0\r\n\
    Record-Route: <sip:TOKEN@192.0.2.1:5060;lr>\r\n\
    Via: SIP/2.0/UDP 192.0.2.1:5060;branch=BRANCH\r\n\
    Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKodd;rport=5060;received=192.0.2.10\r\n\
    X-Custom-Thing:   spaces\tand tabs  \r\n\
    Max-Forwards: 11\r\n\
    f: \"A, quoted \\\" comma\" <sip:alice@example.com>;tag=a1\r\n\
    t: <sip:bob@example.com>\r\n\
    i: odd-call\r\n\
    CSEQ: 00031 INVITE\r\n\
    Subject: folded\r\n over lines\r\n\
    m: <sip:alice@192.0.2.10>\r\n\
    unknown: é\r\n\
    l: 5\r\n\
    Proxy-Authorization: Digest username=\"alice\", realm=\"elsewhere\", nonce=\"n\", uri=\"u\", response=\"r\"\r\n\
    \r\n\
    v=0\r\n";

#[test]
fn a_request_leaves_as_it_came_but_for_what_section_16_6_changes() {
    let mut lab = Lab::new();
    let request = messages::request(Bytes::from_static(ODD_INVITE.as_bytes()));
    assert_eq!(lab.send_request(request, udp(ALICE)), ["100 INVITE to alice", "INVITE to bob"]);
    let forwarded = lab.request_to(BOB, "INVITE");
    let token = FlowTokens::new(TOKEN_KEY).seal(None, b"odd-call");
    let expected = ODD_FORWARDED.replace("TOKEN", &token).replace("BRANCH", &branch(&forwarded));
    assert_eq!(text(forwarded.bytes()), expected);
}

#[test]
fn without_max_forwards_it_gets_70() {
    let mut lab = Lab::new();
    let request = altered(&request("OPTIONS"), "Max-Forwards: 70\r\n", "");
    assert_eq!(lab.send_request(request, udp(ALICE)), ["OPTIONS to bob"]);
    assert_eq!(header(&lab.request_to(BOB, "OPTIONS"), HeaderName::MaxForwards), ["70"]);
}

#[test]
fn the_senders_address_is_noted_where_its_via_does_not_say_it() {
    // Via as sent, where from, and Via as forwarded.
    let table = [
        ("192.0.2.10:5060;branch=z9hG4bK1", ALICE, "192.0.2.10:5060;branch=z9hG4bK1"),
        (
            "192.0.2.10;branch=z9hG4bK2;rport",
            ALICE,
            "192.0.2.10;branch=z9hG4bK2;rport=5060;received=192.0.2.10",
        ),
        (
            "10.0.0.7:5060;rport;branch=z9hG4bK3",
            NAT,
            "10.0.0.7:5060;rport=40000;branch=z9hG4bK3;received=203.0.113.5",
        ),
        (
            "10.0.0.7:5060;branch=z9hG4bK4",
            NAT,
            "10.0.0.7:5060;branch=z9hG4bK4;received=203.0.113.5",
        ),
        (
            "phone.example.net;branch=z9hG4bK5",
            ALICE,
            "phone.example.net;branch=z9hG4bK5;received=192.0.2.10",
        ),
        // What a sender claims about itself is not passed on.
        (
            "10.0.0.7;branch=z9hG4bK6;received=198.51.100.1;rport=1",
            NAT,
            "10.0.0.7;branch=z9hG4bK6;rport=40000;received=203.0.113.5",
        ),
    ];
    for (via, from, expected) in table {
        let mut lab = Lab::new();
        lab.send(&request("OPTIONS").via(&format!("SIP/2.0/UDP {via}")), udp(from));
        let vias = header(&lab.request_to(BOB, "OPTIONS"), HeaderName::Via);
        assert_eq!(vias[1], format!("SIP/2.0/UDP {expected}"));
        assert_eq!(vias.len(), 2);
    }
}

#[test]
fn the_via_names_the_listener_and_a_branch_of_its_own() {
    let mut lab = Lab::new();
    let mut phone = target(BOB);
    phone.uri = "sip:bob@192.0.2.20:5060;transport=tcp".into();
    phone.flow = Some(tcp(BOB, 9));
    lab.give_bob(vec![phone, target(BOB2)]);
    let lines = lab.send(&request("OPTIONS"), udp(ALICE));
    assert_eq!(lines, ["OPTIONS to bob by TCP connection 9", "OPTIONS to bob2"]);
    let vias = [BOB, BOB2].map(|host| {
        let request = lab.request_to(host, "OPTIONS");
        header(&request, HeaderName::Via)[0].clone()
    });
    assert!(vias[0].starts_with("SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bK"), "{vias:?}");
    assert!(vias[1].starts_with("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK"), "{vias:?}");
    assert_ne!(vias[0].split("branch").last(), vias[1].split("branch").last());
}

#[test]
fn only_what_makes_a_dialog_or_moves_its_ends_is_record_routed() {
    let table = [
        ("INVITE", true),
        ("SUBSCRIBE", true),
        ("REFER", true),
        ("UPDATE", true),
        ("OPTIONS", false),
        ("MESSAGE", false),
        ("PUBLISH", false),
        ("UNHEARDOF", false),
    ];
    for (method, expected) in table {
        let mut lab = Lab::new();
        lab.send(&request(method), udp(ALICE));
        let forwarded = lab.request_to(BOB, method);
        assert_eq!(forwarded.has(HeaderName::RecordRoute), expected, "{method}");
        assert_eq!(forwarded.method_token(), method.as_bytes());
    }
}

#[test]
fn a_phone_behind_proxies_is_reached_along_its_path() {
    let mut lab = Lab::new();
    let mut phone = target(BOB);
    phone.uri = "sip:bob@10.1.1.1".into();
    phone.path = vec!["<sip:192.0.2.30;lr>".into(), "<sip:edge2.example.net;lr>".into()];
    phone.behind_nat = true;
    lab.give_bob(vec![phone]);
    let sketch = invite().header("Route", "<sip:192.0.2.1;lr>, <sip:localhost:5060;lr>");
    assert_eq!(lab.send(&sketch, udp(ALICE)), ["100 INVITE to alice", "INVITE to carol"]);
    let forwarded = lab.request_to(CAROL, "INVITE");
    assert_eq!(forwarded.uri().raw(), b"sip:bob@10.1.1.1");
    let routes = ["<sip:192.0.2.30;lr>", "<sip:edge2.example.net;lr>"];
    assert_eq!(header(&forwarded, HeaderName::Route), routes);
}

#[test]
fn the_contact_decides_unless_the_flow_is_better() {
    // Contact, flow of the registration, whether a NAT was seen; where the request goes.
    let table = [
        ("sip:bob@192.0.2.20:5060", udp(BOB), false, "OPTIONS to bob"),
        ("sip:bob@192.0.2.21:5060", udp(BOB), false, "OPTIONS to bob2"),
        ("sip:bob@10.0.0.7:5060", udp(NAT), true, "OPTIONS to nat"),
        (
            "sip:bob@10.0.0.7:5060;transport=tcp",
            tcp(NAT, 4),
            false,
            "OPTIONS to nat by TCP connection 4",
        ),
        (
            "sip:bob@192.0.2.21;transport=tcp",
            tcp(BOB, 5),
            false,
            "OPTIONS to bob by TCP connection 5",
        ),
        ("sip:bob@nowhere.invalid", udp(NAT), true, "OPTIONS to nat"),
    ];
    for (contact, flow, behind_nat, expected) in table {
        let mut lab = Lab::new();
        let mut phone = target(BOB);
        phone.uri = contact.into();
        (phone.flow, phone.behind_nat) = (Some(flow), behind_nat);
        lab.give_bob(vec![phone]);
        assert_eq!(lab.send(&request("OPTIONS"), udp(ALICE)), [expected], "{contact}");
    }
    // A Contact alone, as a TCP address and as one that no listener can reach.
    let table = [
        ("sip:bob@192.0.2.20;transport=tcp", "OPTIONS to bob by new TCP connection"),
        ("sip:bob@192.0.2.20;transport=tls", "502 OPTIONS to alice"),
        ("sip:bob@[2001:db8::1]", "502 OPTIONS to alice"),
    ];
    for (contact, expected) in table {
        let mut lab = Lab::new();
        let mut phone = target(BOB);
        (phone.uri, phone.flow) = (contact.into(), None);
        lab.give_bob(vec![phone]);
        assert_eq!(lab.send(&request("OPTIONS"), udp(ALICE)), [expected], "{contact}");
    }
}

#[test]
fn credentials_for_us_stay_here_in_dialogs_too() {
    let ours =
        "Digest username=\"alice\", realm=\"offhook\", nonce=\"n\", uri=\"u\", response=\"r\"";
    let (mut lab, mut call) = Lab::talking();
    for method in ["INVITE", "BYE", "ACK"] {
        let sketch = lab.next_in(&mut call.alice, method, udp(ALICE));
        lab.send(&sketch.header("Proxy-Authorization", ours), udp(ALICE));
        let forwarded = lab.request_to(BOB, method);
        assert!(!forwarded.has(HeaderName::ProxyAuthorization), "{method}");
    }
}

/// The values of a header, over all its lines.
fn header(request: &Request, name: HeaderName) -> Vec<String> {
    request.values(name).map(text).collect()
}

fn branch(request: &Request) -> String {
    text(request.top_via().branch().unwrap())
}

fn altered(sketch: &RequestSketch, from: &str, to: &str) -> Request {
    messages::request(text(&sketch.bytes()).replace(from, to).into())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
