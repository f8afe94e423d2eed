//! What is read from whole messages.

use crate::samples::{INVITE, options, parse, request, response, text};
use bytes::Bytes;
use offhook_sip_message::{
    Contact, HeaderName, Limits, Message, Method, ParseError, Scheme, StatusCode, Transport,
};

#[test]
fn views_of_a_request() {
    let request = request(INVITE);
    assert_eq!((request.method(), request.method_token()), (Method::Invite, &b"INVITE"[..]));
    assert_eq!(request.uri().raw(), b"sip:1002@pbx.example;transport=udp");
    assert_eq!(request.uri().transport(), Some(Transport::Udp));
    let branches: Vec<_> = request.vias().map(|via| via.unwrap().branch().unwrap()).collect();
    assert_eq!(branches, [&b"z9hG4bKedge"[..], b"z9hG4bKphone", b"z9hG4bKinner"]);
    assert_eq!(request.top_via().branch(), Some(&b"z9hG4bKedge"[..]));
    let routes: Vec<_> = request.routes().map(|route| text(route.unwrap().uri.raw())).collect();
    assert_eq!(routes, ["sip:p1.example;lr", "sip:p2.example;lr", "sip:p3.example;lr"]);
    assert_eq!(request.record_routes().count(), 1);
    assert_eq!(request.from().display_name, Some(&b"Desk, Front"[..]));
    assert_eq!((request.from().tag(), request.to().tag()), (Some(&b"a1"[..]), None));
    assert_eq!(request.call_id(), b"c1@phone.example");
    let cseq = request.cseq();
    assert_eq!((cseq.number, cseq.method, cseq.token), (7, Method::Invite, &b"INVITE"[..]));
    assert_eq!(request.max_forwards(), Ok(Some(70)));
    assert_eq!(request.expires(), Ok(None));
    assert_eq!(request.header_by_name("x-colour"), Some(&b"blue;\r\n \tgreen"[..]));
    assert!(request.content_type_is("TEXT/plain"));
    assert_eq!((request.content_length(), request.body()), (Some(5), &b"hello"[..]));
    assert_eq!(request.headers().count(), 14);
    assert_eq!(request.headers().next().unwrap().raw_name, b"Via");
    assert_eq!(request.bytes(), INVITE.as_bytes());
}

#[test]
fn views_of_a_response() {
    let bytes = b"SIP/2.0 486 Busy \xf8 Here\r\nv:SIP/2.0/TCP h\r\nf:sip:a@x;tag=1\r\nt:tel:+1;tag=2\r\ni:c\r\nCSEQ:1 \r\n  BYE\r\nWarning: 370 x \"a, b\", 399 y \"c\"\r\nReason: Q.850;cause=17\r\nRetry-After: 9\r\n\r\nrest";
    let response = response(bytes);
    assert_eq!(response.status(), StatusCode::BUSY_HERE);
    assert_eq!(response.reason(), b"Busy \xf8 Here");
    assert_eq!(response.from().uri.raw(), b"sip:a@x");
    assert_eq!(response.to().uri.scheme, Scheme::Tel);
    assert_eq!(response.cseq().method, Method::Bye);
    assert_eq!(response.warnings().filter(Result::is_ok).count(), 2);
    assert_eq!(response.reasons().next().unwrap().unwrap().cause(), Some(17));
    assert_eq!(response.retry_after().unwrap().unwrap().delay_s, 9);
    assert_eq!((response.content_length(), response.body()), (None, &b"rest"[..]));
    for (line, reason) in [("SIP/2.0 200", ""), ("SIP/2.0 200 ", ""), ("sip/2.0 200 a b", "a b")] {
        let response = self::response(status(line).as_bytes());
        assert_eq!(text(response.reason()), reason, "{line}");
    }
}

fn status(line: &str) -> String {
    let whole = options("", "");
    whole.replacen("OPTIONS sip:pbx.example SIP/2.0", line, 1)
}

#[test]
fn start_lines() {
    for (line, error) in [
        ("OPTIONS sip:x SIP/2.1", ParseError::UnsupportedVersion),
        ("OPTIONS sip:x SIP/10.0", ParseError::UnsupportedVersion),
        ("SIP/3.0 200 OK", ParseError::UnsupportedVersion),
        ("OPTIONS sip:x SIP/2", ParseError::MalformedStartLine),
        ("OPTIONS sip:x HTTP/1.1", ParseError::MalformedStartLine),
        ("OPTIONS sip:x", ParseError::MalformedStartLine),
        ("OPTIONS", ParseError::MalformedStartLine),
        ("OPTIONS sip:x SIP/2.0 ", ParseError::MalformedStartLine),
        (" OPTIONS sip:x SIP/2.0", ParseError::MalformedMethod),
        ("OPT(IONS sip:x SIP/2.0", ParseError::MalformedMethod),
        ("OPTIONS  sip:x SIP/2.0", ParseError::MalformedRequestUri),
        ("OPTIONS sip:x  SIP/2.0", ParseError::MalformedRequestUri),
        ("OPTIONS sip:a b@x SIP/2.0", ParseError::MalformedRequestUri),
        ("OPTIONS <sip:x> SIP/2.0", ParseError::MalformedRequestUri),
        ("OPTIONS x SIP/2.0", ParseError::MalformedRequestUri),
        ("SIP/2.0 99 x", ParseError::MalformedStatusCode),
        ("SIP/2.0 099 x", ParseError::MalformedStatusCode),
        ("SIP/2.0 700 x", ParseError::MalformedStatusCode),
        ("SIP/2.0 2000 x", ParseError::MalformedStatusCode),
        ("SIP/2.0 20x", ParseError::MalformedStatusCode),
        ("SIP/2.0", ParseError::MalformedStartLine),
    ] {
        assert_eq!(parse(status(line).as_bytes()).unwrap_err(), error, "{line}");
    }
}

#[test]
fn extension_methods_use_all_token_characters() {
    let token = "-.!%*_+`'~aZ9";
    let whole = options("", "").replace("OPTIONS", token);
    let request = request(&whole);
    assert_eq!((request.method(), text(request.method_token())), (Method::Other, token));
    assert_eq!(text(request.cseq().token), token);
}

#[test]
fn mandatory_headers() {
    for (line, name) in [
        ("Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n", HeaderName::Via),
        ("From: <sip:a@x.example>;tag=1\r\n", HeaderName::From),
        ("To: <sip:b@x.example>\r\n", HeaderName::To),
        ("Call-ID: c\r\n", HeaderName::CallId),
        ("CSeq: 1 OPTIONS\r\n", HeaderName::CSeq),
    ] {
        let whole = options("", "");
        assert!(whole.contains(line));
        let missing = whole.replacen(line, "", 1);
        assert_eq!(parse(missing.as_bytes()).unwrap_err(), ParseError::MissingHeader(name));
        let empty = whole.replacen(line, &format!("{name}:\r\n"), 1);
        assert_eq!(parse(empty.as_bytes()).unwrap_err(), ParseError::MalformedHeader(name));
        let twice = parse(options(line, "").as_bytes());
        if name == HeaderName::Via {
            assert_eq!(twice.unwrap().head().vias().count(), 2);
        } else {
            assert_eq!(twice.unwrap_err(), ParseError::RepeatedHeader(name));
        }
    }
    for (from, to, name) in [
        ("SIP/2.0/UDP h", "SIP/2.1/UDP h", HeaderName::Via),
        ("SIP/2.0/UDP h", ", SIP/2.0/UDP h", HeaderName::Via),
        ("<sip:a@x.example>", "Bell, A <sip:a@x.example>", HeaderName::From),
        ("<sip:b@x.example>", "*", HeaderName::To),
        ("Call-ID: c", "Call-ID: c d", HeaderName::CallId),
        ("Call-ID: c", "Call-ID: c@", HeaderName::CallId),
        ("Call-ID: c", "Call-ID: c@d@e", HeaderName::CallId),
        ("CSeq: 1", "CSeq: 2147483648", HeaderName::CSeq),
        ("CSeq: 1", "CSeq: -1", HeaderName::CSeq),
    ] {
        let broken = options("", "").replacen(from, to, 1);
        assert_eq!(
            parse(broken.as_bytes()).unwrap_err(),
            ParseError::MalformedHeader(name),
            "{to}"
        );
    }
    let other = options("", "").replacen("1 OPTIONS", "1 INVITE", 1);
    assert_eq!(parse(other.as_bytes()).unwrap_err(), ParseError::MethodMismatch);
}

#[test]
fn body_lengths() {
    let length = ParseError::MalformedHeader(HeaderName::ContentLength);
    for (lines, result) in [
        ("", Ok("abcde")),
        ("Content-Length: 5\r\n", Ok("abcde")),
        ("l : 2\r\n", Ok("ab")),
        ("Content-Length:\r\n 0003\r\n", Ok("abc")),
        ("Content-Length: 0\r\n", Ok("")),
        ("Content-Length: 6\r\n", Err(ParseError::BodyTruncated)),
        ("Content-Length: 4294967295\r\n", Err(ParseError::BodyTruncated)),
        ("Content-Length: 4294967296\r\n", Err(length)),
        ("Content-Length: -1\r\n", Err(length)),
        ("Content-Length: 5, 5\r\n", Err(length)),
        ("Content-Length: \r\n", Err(length)),
        (
            "Content-Length: 5\r\nl: 5\r\n",
            Err(ParseError::RepeatedHeader(HeaderName::ContentLength)),
        ),
    ] {
        let parsed = parse(options(lines, "abcde").as_bytes());
        let body = parsed.as_ref().map(|message| text(message.head().body()));
        assert_eq!(body.map_err(|error| *error), result, "{lines}");
    }
}

#[test]
fn numbers() {
    let with = |lines: &str| request(&options(lines, ""));
    assert_eq!(with("Max-Forwards: 0\r\n").max_forwards(), Ok(Some(0)));
    for bad in ["256", "-1", "x", "", "1 0"] {
        let request = with(&format!("Max-Forwards: {bad}\r\nExpires: {bad}x\r\n"));
        let error = ParseError::MalformedHeader(HeaderName::MaxForwards);
        assert_eq!(request.max_forwards(), Err(error), "{bad}");
        assert_eq!(request.expires(), Err(ParseError::MalformedHeader(HeaderName::Expires)));
    }
    assert_eq!(with("Expires: 4294967295\r\n").expires(), Ok(Some(u32::MAX)));
    assert!(with("Expires: 4294967296\r\n").expires().is_err());
    assert_eq!(with("Min-Expires: 60\r\n").min_expires(), Ok(Some(60)));
    let twice = parse(options("Max-Forwards: 1\r\nMax-Forwards: 1\r\n", "").as_bytes());
    assert_eq!(twice.unwrap_err(), ParseError::RepeatedHeader(HeaderName::MaxForwards));
}

#[test]
fn lists_and_rarer_headers() {
    let request = request(&options(
        "Contact: *\r\nm: \"a, b\" <sip:a@x;y=1>;q=0.5;expires=60 ,<sip:c@x>\r\nAllow: INVITE,ACK\r\nAllow: BYE\r\n\
         k: path , 100rel\r\nEvent: presence;id=4\r\nTimestamp: 1.5\r\nRAck: 3 2 INVITE\r\n\
         Authorization: Digest realm=\"a, b\", nonce=\"n\"\r\nAuthorization: Bearer xyz\r\n\
         Path: <sip:e.example;lr>\r\nService-Route: <sip:s.example;lr>, bad\r\n",
        "",
    ));
    let contacts: Vec<_> = request.contacts().map(Result::unwrap).collect();
    assert_eq!(contacts[0], Contact::Star);
    let first = contacts[1].addr().unwrap();
    assert_eq!((first.q(), first.expires()), (Some(500), Some(60)));
    assert_eq!(contacts.len(), 3);
    let allowed: Vec<_> = request.values(HeaderName::Allow).map(Method::from_token).collect();
    assert_eq!(allowed, [Method::Invite, Method::Ack, Method::Bye]);
    assert!(request.has_token(HeaderName::Supported, "PATH"));
    assert!(!request.has_token(HeaderName::Supported, "timer"));
    assert_eq!(request.event().unwrap().unwrap().id(), Some(&b"4"[..]));
    assert_eq!(request.timestamp().unwrap().unwrap().time, b"1.5");
    assert_eq!(request.rack().unwrap().unwrap().rseq, 3);
    let auths: Vec<_> = request.auths(HeaderName::Authorization).map(Result::unwrap).collect();
    assert_eq!(auths[0].get("realm").unwrap().raw, b"a, b");
    assert_eq!(auths[1].token68, Some(&b"xyz"[..]));
    assert_eq!(request.paths().count(), 1);
    let routes: Vec<_> = request.service_routes().collect();
    assert_eq!(routes[1], Err(ParseError::MalformedHeader(HeaderName::ServiceRoute)));
}

/// Everything the grammar lets a sender do to a reader at once.
#[test]
fn wild_but_valid() {
    let bytes = b"\r\n\r\nINVITE sip:w%20x;p=1;q/?=:&=+$,@[2001:DB8::9]:5060;a;b=c%41;lr SIP/2.0\r\n\
TO :\r\n sip:t@h.example ;\ttag    = to-tag ; other = \"x;y,\\\"z>\"\r\n\
fRoM:  \"J \\\\ \\\" R\"       <sip:j@h.example>\r\n  ;\r\n  tag = 98asjd8\r\n\
mAx-FORWARDS: 0068\r\n\
I: weird.~%+'`word@(<\"[{?}]\">:/\\)\r\n\
Unknown-Header: ,;\"<> :::\r\n\
No-Value:\r\n\
x*y.z!: odd name\r\n\
cseq: 0009\r\n  INVITE\r\n\
v:  SIP  / 2.0  / UDP\r\n   192.0.2.2;branch=z9hG4bK1,\r\n SIP  / 2.0/\tTLS h : 5061 ; branch= z9hG4bK2 ;hidden\r\n\
s:\r\n\
Subject2: \xe9\xff latin\r\n\
l: 3\r\n\
\r\n\
\x00\r\ngarbage";
    let Ok(Message::Request(request)) = parse(bytes) else { panic!() };
    assert_eq!(
        request.uri().user,
        Some(&b"w%20x;p=1;q/?=:&=+$,"[..]).map(|_| &b"w%20x;p=1;q/?="[..])
    );
    assert_eq!(request.to().tag(), Some(&b"to-tag"[..]));
    assert_eq!(request.to().params.text("other"), Some(&b"x;y,\\\"z>"[..]));
    assert_eq!(request.from().display_text().unwrap().as_ref(), b"J \\ \" R");
    assert_eq!(request.from().tag(), Some(&b"98asjd8"[..]));
    assert_eq!(request.max_forwards(), Ok(Some(68)));
    assert_eq!(request.cseq().number, 9);
    let vias: Vec<_> = request.vias().map(Result::unwrap).collect();
    assert_eq!((vias[1].transport, vias[1].port), (Some(Transport::Tls), Some(5061)));
    assert_eq!(vias[1].branch(), Some(&b"z9hG4bK2"[..]));
    assert_eq!(request.header(HeaderName::Subject), Some(&b""[..]));
    assert_eq!(request.header_by_name("no-value"), Some(&b""[..]));
    assert_eq!(request.header_by_name("Subject2"), Some(&b"\xe9\xff latin"[..]));
    assert_eq!(request.body(), b"\x00\r\n");
}

#[test]
fn broken_lines() {
    for (lines, error) in [
        ("no colon\r\n", ParseError::MalformedHeaderLine),
        (": no name\r\n", ParseError::MalformedHeaderLine),
        ("b\u{e9}d: name\r\n", ParseError::MalformedHeaderLine),
        ("two words: x\r\n", ParseError::MalformedHeaderLine),
        ("X: a\nb: c\r\n", ParseError::BareLineFeed),
        ("X: a\rb\r\n", ParseError::ControlCharacter),
        ("X: a\r\r\n", ParseError::ControlCharacter),
        ("X: a\0b\r\n", ParseError::ControlCharacter),
        ("\rX: a\r\n", ParseError::ControlCharacter),
    ] {
        assert_eq!(parse(options(lines, "").as_bytes()).unwrap_err(), error, "{lines:?}");
    }
    let whole = options("", "");
    for cut in 1..whole.len() {
        let error = parse(&whole.as_bytes()[..cut]).unwrap_err();
        assert_eq!(error, ParseError::HeadUnfinished, "{cut}");
    }
    let folded_start = whole.replacen("SIP/2.0\r\n", "SIP/2.0\r\n x\r\n", 1);
    assert_eq!(parse(folded_start.as_bytes()).unwrap_err(), ParseError::MalformedHeaderLine);
    assert_eq!(parse(b"").unwrap_err(), ParseError::Empty);
    assert_eq!(parse(b"\r\n\r\n").unwrap_err(), ParseError::Empty);
}

#[test]
fn bare_line_feeds_where_they_are_accepted() {
    let limits = Limits { accept_bare_lf: true, ..Limits::default() };
    let bytes = Bytes::from(options("X: a\r\n b\r\n", "body").replace("\r\n", "\n"));
    let message = Message::parse(bytes.clone(), &limits).unwrap();
    assert_eq!(message.head().header_by_name("X"), Some(&b"a\n b"[..]));
    assert_eq!(message.head().body(), b"body");
    assert_eq!(Message::parse(bytes, &Limits::default()).unwrap_err(), ParseError::BareLineFeed);
    let stray = Bytes::from(options("X: a\rb\n", ""));
    assert_eq!(Message::parse(stray, &limits).unwrap_err(), ParseError::ControlCharacter);
}

#[test]
fn limits() {
    let small = Limits {
        max_message_bytes: 600,
        max_headers: 8,
        max_header_bytes: 100,
        max_uri_bytes: 40,
        accept_bare_lf: false,
    };
    let parse = |text: String| Message::parse(Bytes::from(text), &small).map(drop);
    let uri = |len: usize| {
        options("", "").replacen("sip:pbx.example", &format!("sip:{}", "u".repeat(len - 4)), 1)
    };
    assert_eq!(parse(uri(40)), Ok(()));
    assert_eq!(parse(uri(41)), Err(ParseError::UriTooLong));
    assert_eq!(ParseError::UriTooLong.status(), StatusCode::REQUEST_URI_TOO_LONG);
    let line = |len: usize| options(&format!("X: {}\r\n", "v".repeat(len - 5)), "");
    assert_eq!(parse(line(100)), Ok(()));
    assert_eq!(parse(line(101)), Err(ParseError::LineTooLong));
    let folded = options(&format!("X: {}\r\n", "v\r\n ".repeat(30)), "");
    assert_eq!(parse(folded), Err(ParseError::LineTooLong));
    assert_eq!(parse(options("A: b\r\nA: b\r\nA: b\r\n", "")), Ok(()));
    assert_eq!(
        parse(options("A: b\r\nA: b\r\nA: b\r\nA: b\r\n", "")),
        Err(ParseError::TooManyHeaders)
    );
    assert_eq!(parse(options("", &"b".repeat(600))), Err(ParseError::MessageTooLarge));
    assert_eq!(ParseError::MessageTooLarge.status(), StatusCode::MESSAGE_TOO_LARGE);
}

#[test]
fn more_lines_than_are_held_inline() {
    let lines: String = (0..100).map(|n| format!("X-{n}: {n}\r\n")).collect();
    let request = request(&options(&lines, ""));
    assert_eq!(request.headers().count(), 105);
    assert_eq!(request.header_by_name("X-99"), Some(&b"99"[..]));
}
