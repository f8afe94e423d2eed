//! Changed copies.

use std::net::SocketAddr;

use crate::samples::{INVITE, options, request, response, text};
use offhook_sip_message::{Edit, HeaderName};

fn remote(text: &str) -> SocketAddr {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

/// The copy after the changes, checked to be as long as announced and to parse again.
fn edited(original: &str, change: impl FnOnce(&mut Edit<'_>)) -> String {
    let request = request(original);
    let mut edit = request.edit();
    change(&mut edit);
    let len = edit.len();
    let bytes = edit.finish();
    assert_eq!(bytes.len(), len);
    let copy = text(&bytes).to_owned();
    crate::samples::request(&copy);
    copy
}

#[test]
fn nothing_changed_is_nothing_changed() {
    assert_eq!(edited(INVITE, |_| {}), INVITE);
}

#[test]
fn a_missing_content_length_is_added() {
    let copy = edited(&options("", "abc"), |_| {});
    assert_eq!(copy, options("Content-Length: 3\r\n", "abc"));
}

#[test]
fn forwarding_changes_what_it_names_and_no_more() {
    let copy = edited(INVITE, |edit| {
        edit.set_request_uri(b"sip:1002@192.0.2.5:5062");
        edit.push_first(HeaderName::Via, b"SIP/2.0/UDP p;branch=z9hG4bKp");
        edit.push_first(HeaderName::RecordRoute, b"<sip:p;lr>");
        edit.replace(HeaderName::MaxForwards, b"69");
        edit.remove_first_value(HeaderName::Route);
    });
    let expected = INVITE
        .replacen("sip:1002@pbx.example;transport=udp", "sip:1002@192.0.2.5:5062", 1)
        .replacen("Via: ", "Via: SIP/2.0/UDP p;branch=z9hG4bKp\r\nVia: ", 1)
        .replacen("Record-Route: ", "Record-Route: <sip:p;lr>\r\nRecord-Route: ", 1)
        .replacen("Forwards: 70", "Forwards: 69", 1)
        .replacen("<sip:p1.example;lr>, ", "", 1);
    assert_eq!(copy, expected);
}

#[test]
fn lines_come_and_go() {
    let base = options("A: 1\r\nRoute: <sip:a>\r\n", "");
    let with = |change: &dyn Fn(&mut Edit<'_>)| {
        let copy = edited(&base, |edit| change(edit));
        let head = copy.split("\r\n\r\n").next().unwrap();
        head.lines().filter(|line| !is_fixed(line)).collect::<Vec<_>>().join("|")
    };
    let all = "A: 1|Route: <sip:a>|Content-Length: 0";
    assert_eq!(with(&|_| {}), all);
    assert_eq!(
        with(&|edit| {
            edit.push_first(HeaderName::Path, b"<sip:p>");
            edit.push_first(HeaderName::Path, b"<sip:q>");
            edit.append(HeaderName::Server, b"s");
            edit.append_other("X-New", b"x");
        }),
        "Path: <sip:q>|Path: <sip:p>|A: 1|Route: <sip:a>|Content-Length: 0|Server: s|X-New: x"
    );
    assert_eq!(
        with(&|edit| {
            edit.remove_all(HeaderName::Route);
            edit.remove_all_named("a");
            edit.replace(HeaderName::Expires, b"1");
            edit.replace(HeaderName::Expires, b"2");
        }),
        "Content-Length: 0|Expires: 2"
    );
    assert_eq!(
        with(&|edit| {
            edit.push_first(HeaderName::Route, b"<sip:1>, <sip:2>,<sip:3>");
            edit.remove_first_value(HeaderName::Route);
            edit.replace_first_value(HeaderName::Route, b"<sip:two>");
        }),
        "A: 1|Route: <sip:two>,<sip:3>|Route: <sip:a>|Content-Length: 0"
    );
    assert_eq!(
        with(&|edit| {
            edit.remove_first_value(HeaderName::Route);
            edit.remove_first_value(HeaderName::Route);
            edit.replace_first_value(HeaderName::RecordRoute, b"<sip:r>");
        }),
        "Record-Route: <sip:r>|A: 1|Content-Length: 0"
    );
    assert_eq!(
        with(&|edit| {
            edit.push_first(HeaderName::Other, b"x");
            edit.append(HeaderName::Other, b"x");
            edit.replace(HeaderName::Other, b"x");
            edit.remove_all(HeaderName::Other);
            edit.remove_first_value(HeaderName::Other);
        }),
        all
    );
}

fn is_fixed(line: &str) -> bool {
    ["OPTIONS", "Via", "From", "To", "Call-ID", "CSeq"].iter().any(|name| line.starts_with(name))
}

#[test]
fn popping_every_route() {
    let copy = edited(INVITE, |edit| {
        for _ in 0..3 {
            edit.remove_first_value(HeaderName::Route);
        }
    });
    assert!(!copy.contains("\r\nRoute:"));
    let copy = edited(INVITE, |edit| {
        edit.remove_first_value(HeaderName::Route);
        edit.remove_first_value(HeaderName::Route);
    });
    assert!(copy.contains("70\r\nRoute: <sip:p3.example;lr>\r\nRecord"));
}

#[test]
fn values_cannot_break_their_line() {
    let copy = edited(INVITE, |edit| {
        edit.append(HeaderName::Subject, b"a\r\nEvil: yes\0");
        edit.append_other("X\r\n\r\nY", b"b");
    });
    assert!(copy.contains("\r\nSubject: a  Evil: yes \r\nX____Y: b\r\n"));
}

#[test]
fn bodies() {
    let copy = edited(INVITE, |edit| edit.set_body(Some(b"application/sdp"), b"v=0\r\n..."));
    assert!(copy.ends_with("Content-Type: application/sdp\r\nContent-Length: 8\r\n\r\nv=0\r\n..."));
    let copy = edited(INVITE, |edit| edit.set_body(None, b""));
    assert!(copy.ends_with("Content-Type: text/plain\r\nContent-Length: 0\r\n\r\n"));
    let copy = edited(&options("", "abc"), |edit| edit.set_body(Some(b"text/plain"), b"de"));
    assert_eq!(copy, options("Content-Length: 2\r\nContent-Type: text/plain\r\n", "de"));
}

#[test]
fn stamps() {
    for (via, from, expected) in [
        // Sent-by is the source and nobody asks: nothing to note.
        ("192.0.2.1:5060;branch=b", "192.0.2.1:5060", "192.0.2.1:5060;branch=b"),
        ("192.0.2.1;branch=b", "192.0.2.1:9", "192.0.2.1;branch=b"),
        ("192.0.2.1;branch=b", "[::ffff:192.0.2.1]:9", "192.0.2.1;branch=b"),
        ("[2001:DB8::1];branch=b", "[2001:db8::1]:9", "[2001:DB8::1];branch=b"),
        // A name or another address.
        ("h;branch=b", "192.0.2.1:9", "h;branch=b;received=192.0.2.1"),
        ("10.0.0.1", "192.0.2.1:9", "10.0.0.1;received=192.0.2.1"),
        ("h;branch=b", "[2001:db8::1]:9", "h;branch=b;received=2001:db8::1"),
        // rport asked for: both, always.
        (
            "192.0.2.1;rport;branch=b",
            "192.0.2.1:9",
            "192.0.2.1;rport=9;branch=b;received=192.0.2.1",
        ),
        ("10.0.0.1;RPORT", "192.0.2.1:65535", "10.0.0.1;rport=65535;received=192.0.2.1"),
        // What the sender claims about itself does not count.
        (
            "h;received=1.1.1.1;rport=1;x=\"a;b\"",
            "192.0.2.1:9",
            "h;rport=9;x=\"a;b\";received=192.0.2.1",
        ),
        ("192.0.2.1;received=1.1.1.1", "192.0.2.1:9", "192.0.2.1"),
        ("h;rport;rport;rport=2", "192.0.2.1:9", "h;rport=9;received=192.0.2.1"),
    ] {
        for tail in ["", ", SIP/2.0/TCP i;rport"] {
            let line = |via: &str| {
                options("", "").replacen("h;branch=z9hG4bK1", &format!("{via}{tail}"), 1)
            };
            let copy = edited(&line(via), |edit| edit.stamp_top_via(remote(from)));
            let expected = line(expected).replacen(
                "OPTIONS\r\n\r\n",
                "OPTIONS\r\nContent-Length: 0\r\n\r\n",
                1,
            );
            assert_eq!(copy, expected, "{via} from {from}");
        }
    }
}

#[test]
fn a_stamp_is_for_the_received_via_in_any_order() {
    let stamp_last = edited(INVITE, |edit| {
        edit.push_first(HeaderName::Via, b"SIP/2.0/UDP p;branch=z9hG4bKp");
        edit.stamp_top_via(remote("192.0.2.99:9"));
    });
    let stamp_first = edited(INVITE, |edit| {
        edit.stamp_top_via(remote("192.0.2.99:9"));
        edit.push_first(HeaderName::Via, b"SIP/2.0/UDP p;branch=z9hG4bKp");
    });
    assert_eq!(stamp_last, stamp_first);
    assert!(stamp_last.contains("edge.example;branch=z9hG4bKedge;received=192.0.2.99, SIP"));
}

#[test]
fn a_response_loses_its_top_via() {
    let bytes = b"SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP p;branch=1, SIP/2.0/UDP q;branch=2\r\nVia: SIP/2.0/UDP r\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";
    let received = response(bytes);
    let mut edit = received.edit();
    edit.set_request_uri(b"sip:nowhere");
    edit.remove_first_value(HeaderName::Via);
    assert_eq!(
        text(&edit.clone().finish()),
        text(bytes).replacen("SIP/2.0/UDP p;branch=1, ", "", 1)
    );
    edit.remove_first_value(HeaderName::Via);
    let mut out = b"before".to_vec();
    edit.write_to(&mut out);
    assert!(out.starts_with(b"beforeSIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP r\r\nFrom"));
}

#[test]
fn large_changes_leave_the_inline_buffers() {
    let long = "v".repeat(500);
    let copy = edited(INVITE, |edit| {
        for _ in 0..40 {
            edit.append(HeaderName::Subject, long.as_bytes());
        }
    });
    assert_eq!(copy.matches(&long).count(), 40);
}
