//! No bytes, however wild, make the codec panic, and what it accepts it can copy, change and answer.

use crate::samples::{INVITE, options};
use bytes::Bytes;
use offhook_sip_message::{
    Auth, CSeq, Contact, Event, HeaderName, HostPort, Index, Limits, Message, NameAddr, RAck,
    ReasonValue, ResponseBuilder, RetryAfter, StatusCode, Timestamp, Uri, Values, Via,
    WarningValue, reject,
};
use proptest::prelude::*;

const NAMES: [HeaderName; 6] = [
    HeaderName::Via,
    HeaderName::Contact,
    HeaderName::Route,
    HeaderName::MaxForwards,
    HeaderName::Authorization,
    HeaderName::Other,
];

fn remote() -> std::net::SocketAddr {
    ([192, 0, 2, 99], 4000).into()
}

/// Asks a message for everything it has, changes it in every way, and answers it.
fn exercise(bytes: &[u8], limits: &Limits) {
    let parsed = Message::parse(Bytes::copy_from_slice(bytes), limits);
    let message = match parsed {
        Ok(message) => message,
        Err(error) => {
            if let Some(answer) = reject(bytes, error, remote()) {
                assert!(answer.starts_with(b"SIP/2.0 "));
                assert!(answer.ends_with(b"\r\n\r\n"));
            }
            return;
        }
    };
    let head = message.head();
    let skipped = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    assert!(bytes[skipped..].starts_with(head.bytes()), "what is kept is what came");
    read_all(&message);
    let (mut same, mut changed) = match &message {
        Message::Request(request) => (request.edit(), request.edit()),
        Message::Response(response) => (response.edit(), response.edit()),
    };
    if head.content_length().is_some() {
        assert_eq!(same.clone().finish(), head.bytes());
    }
    same.stamp_top_via(remote());
    let stamped = same.finish();
    assert!(
        Message::parse(stamped, &Limits { max_message_bytes: usize::MAX, ..Limits::default() })
            .is_ok()
            || limits.accept_bare_lf
            || bytes.len() > 8_000
    );
    for name in NAMES {
        changed.push_first(name, b"x");
        changed.remove_first_value(name);
        changed.remove_first_value(name);
        changed.replace_first_value(name, b"y");
        changed.replace(name, b"z\r\n");
        changed.append(name, b"w");
        changed.remove_all(name);
    }
    changed.set_body(Some(b"t/p"), b"body");
    changed.remove_all_named("x");
    let len = changed.len();
    assert_eq!(changed.finish().len(), len);
    if let Message::Request(request) = &message {
        let answer = ResponseBuilder::new(request, StatusCode::OK, remote()).to_tag(b"t").finish();
        let answer = Message::parse(answer, &Limits::default());
        assert!(matches!(answer, Ok(Message::Response(_))), "{answer:?}");
    }
}

fn read_all(message: &Message) {
    let head = message.head();
    match message {
        Message::Request(request) => {
            assert_eq!(request.uri().raw(), request.uri_bytes());
            assert_eq!(request.cseq().token, request.method_token());
        }
        Message::Response(response) => {
            let _ = response.reason().len();
        }
    }
    assert!(head.vias().next().is_some_and(|via| via.is_ok()));
    assert!(!head.from().uri.raw().is_empty() && !head.to().uri.raw().is_empty());
    assert!(!head.call_id().is_empty());
    let _ = (head.contacts().count(), head.routes().count(), head.warnings().count());
    let _ = (head.max_forwards(), head.expires(), head.min_expires(), head.rack(), head.rseq());
    let _ = (
        head.event().is_ok(),
        head.retry_after().is_ok(),
        head.timestamp(),
        head.reasons().count(),
    );
    let _ = (head.content_type_is("a/b"), head.has_token(HeaderName::Supported, "path"));
    let _ = head.auths(HeaderName::Authorization).count();
    for header in head.headers() {
        read_value(header.value);
    }
}

fn read_value(value: &[u8]) {
    for value in Values::new(value).take(50) {
        if let Ok(uri) = Uri::parse(value) {
            assert!(uri.equivalent(&uri), "{value:?}");
            let key = uri.aor();
            assert!(key.is_ascii());
            let _ = (uri.header_pairs().count(), uri.transport(), uri.is_loose_router());
        }
        if let Ok(addr) = NameAddr::parse(value) {
            let _ = (addr.tag(), addr.q(), addr.expires(), addr.display_text());
            let _ = addr.params.iter().count();
        }
        if let Ok(via) = Via::parse(value) {
            let _ = (via.branch(), via.received(), via.rport(), via.maddr(), via.ttl());
        }
        let _ = (Contact::parse(value), CSeq::parse(value), RAck::parse(value));
        let _ = (Timestamp::parse(value), WarningValue::parse(value), HostPort::parse(value));
        if let Ok(auth) = Auth::parse(value) {
            let _ = auth.params.iter().map(|param| param.value.text().len()).sum::<usize>();
        }
        let _ = (Event::parse(value).is_ok(), ReasonValue::parse(value).is_ok());
        let _ = RetryAfter::parse(value).is_ok();
    }
}

/// Sound messages to begin with.
fn seed() -> impl Strategy<Value = Vec<u8>> {
    let register = options(
        "Contact: \"a\" <sip:a%41@[2001:db8::1]:5060;lr?x=y>;q=0.5, sip:b@c;expires=3\r\nAuthorization: Digest realm=\"r\\\"\", nonce=\"n\"\r\nEvent: e;id=1\r\nWarning: 370 x \"y\"\r\nRetry-After: 5 (c);duration=1\r\nTimestamp: 1.0 .5\r\nRAck: 1 1 INVITE\r\nTo2: tel:+1-2;phone-context=x\r\n",
        "",
    );
    prop_oneof![
        Just(INVITE.as_bytes().to_vec()),
        Just(register.clone().into_bytes()),
        Just(
            register.replacen("OPTIONS sip:pbx.example SIP/2.0", "SIP/2.0 200 OK", 1).into_bytes()
        ),
    ]
}

/// Bytes that matter to the grammar more often than others.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        any::<u8>(),
        prop::sample::select(b"\r\n \t\":;,<>@=%?[]()\\/.-+*#0aZ\0\xff".to_vec()),
    ]
}

#[derive(Clone, Debug)]
enum Change {
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), byte()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (at(), prop::collection::vec(byte(), 1..6)).prop_map(|(at, new)| Change::Insert(at, new)),
        (at(), 1..20usize).prop_map(|(at, len)| Change::Remove(at, len)),
        (at(), 1..80usize).prop_map(|(at, len)| Change::Repeat(at, len)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: Change) {
    if bytes.is_empty() {
        return;
    }
    let range = |at: prop::sample::Index, len: usize| {
        let start = at.index(bytes.len());
        start..(start + len).min(bytes.len())
    };
    match change {
        Change::Set(at, byte) => {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        Change::Insert(at, new) => {
            let at = at.index(bytes.len());
            bytes.splice(at..at, new);
        }
        Change::Remove(at, len) => {
            let range = range(at, len);
            bytes.drain(range);
        }
        Change::Repeat(at, len) => {
            let range = range(at, len);
            let copy = bytes[range.clone()].to_vec();
            bytes.splice(range.start..range.start, copy);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn mutated_messages(
        mut bytes in seed(),
        changes in prop::collection::vec(change(), 0..6),
        accept_bare_lf in any::<bool>(),
    ) {
        for change in changes {
            apply(&mut bytes, change);
        }
        exercise(&bytes, &Limits { accept_bare_lf, ..Limits::default() });
    }

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(byte(), 0..200)) {
        exercise(&bytes, &Limits::default());
        let _ = Index::scan(&bytes, &Limits::default());
        read_value(&bytes);
    }

    #[test]
    fn one_wild_header(value in prop::collection::vec(byte(), 0..40)) {
        let mut bytes = options("X: ", "").into_bytes();
        bytes.truncate(bytes.len() - 2);
        bytes.extend_from_slice(&value);
        bytes.extend_from_slice(b"\r\n\r\n");
        exercise(&bytes, &Limits::default());
    }

    #[test]
    fn wild_values(value in "[a-z<>@:;,=%?\"\\\\\\[\\].0-9 ]{0,30}") {
        read_value(value.as_bytes());
        read_value(format!("sip:{value}").as_bytes());
        read_value(format!("<sip:{value}>").as_bytes());
        read_value(format!("tel:{value}").as_bytes());
        read_value(format!("SIP/2.0/UDP {value}").as_bytes());
        read_value(format!("Digest {value}").as_bytes());
    }

    #[test]
    fn tight_limits(bytes in seed(), message in 0..900usize, headers in 0..16usize, line in 0..120usize, uri in 0..40usize) {
        let limits = Limits {
            max_message_bytes: message,
            max_headers: headers,
            max_header_bytes: line,
            max_uri_bytes: uri,
            accept_bare_lf: false,
        };
        let _ = Message::parse(Bytes::from(bytes), &limits);
    }
}
