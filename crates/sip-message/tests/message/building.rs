//! Messages of our own making.

use std::net::SocketAddr;

use crate::samples::{INVITE, options, parse, request, response, text};
use offhook_sip_message::{
    FramingError, HeaderName, Method, ParseError, RequestBuilder, ResponseBuilder, StatusCode,
    reject,
};

fn remote() -> SocketAddr {
    ([192, 0, 2, 99], 4000).into()
}

#[test]
fn a_response_copies_what_it_must() {
    let request = request(INVITE);
    let bytes = ResponseBuilder::new(&request, StatusCode::OK, remote())
        .to_tag(b"t1")
        .header(HeaderName::Contact, b"<sip:1002@192.0.2.5>")
        .other_header("X-Own", b"yes")
        .body(b"text/plain", b"hi")
        .finish();
    assert_eq!(
        text(&bytes),
        "SIP/2.0 200 OK\r\n\
         Via: SIP/2.0/UDP edge.example;branch=z9hG4bKedge;received=192.0.2.99, SIP/2.0/TCP [2001:db8::7]:5070;branch=z9hG4bKphone\r\n\
         Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKinner\r\n\
         From: \"Desk, Front\" <sip:1001@pbx.example>;tag=a1\r\n\
         To: <sip:1002@pbx.example>;tag=t1\r\n\
         Call-ID: c1@phone.example\r\n\
         CSeq: 7 INVITE\r\n\
         Record-Route: <sip:edge.example;lr>\r\n\
         Contact: <sip:1002@192.0.2.5>\r\n\
         X-Own: yes\r\n\
         Content-Type: text/plain\r\n\
         Content-Length: 2\r\n\r\nhi"
    );
    response(&bytes);
}

#[test]
fn which_responses_carry_record_route_and_timestamp() {
    let invite = INVITE.replacen("Max-Forwards", "Timestamp: 5.5\r\nMax-Forwards", 1);
    let bye = invite.replace("INVITE", "BYE");
    for (message, code, record_route, timestamp) in [
        (&invite, 100, 0, 1),
        (&invite, 101, 1, 0),
        (&invite, 180, 1, 0),
        (&invite, 299, 1, 0),
        (&invite, 302, 0, 0),
        (&invite, 486, 0, 0),
        (&bye, 200, 0, 0),
        (&bye, 100, 0, 1),
    ] {
        let request = request(message);
        let status = StatusCode::new(code).unwrap();
        let bytes = ResponseBuilder::new(&request, status, remote()).finish();
        let count = |name: &str| text(&bytes).matches(name).count();
        assert_eq!(
            (count("Record-Route"), count("Timestamp")),
            (record_route, timestamp),
            "{code}"
        );
    }
}

#[test]
fn tags_and_phrases() {
    let tagged =
        INVITE.replacen("To: <sip:1002@pbx.example>", "To: <sip:1002@pbx.example>;TAG=old", 1);
    let request = request(&tagged);
    let bytes = ResponseBuilder::new(&request, StatusCode::NOT_FOUND, remote())
        .to_tag(b"new")
        .reason("No\r\nOne")
        .header(HeaderName::Other, b"x")
        .finish();
    let answer = response(&bytes);
    assert_eq!(answer.to().tag(), Some(&b"old"[..]));
    assert_eq!(answer.reason(), b"No  One");
    assert_eq!(answer.headers().count(), 7);
}

#[test]
fn a_request_from_scratch() {
    let bytes = RequestBuilder::new(Method::Bye, b"sip:a@h;x=\r\ny")
        .header(HeaderName::Via, b"SIP/2.0/UDP h;branch=z9hG4bKx")
        .header(HeaderName::From, b"<sip:a@x>;tag=1")
        .header(HeaderName::To, b"<sip:b@x>")
        .header(HeaderName::CallId, b"c")
        .header(HeaderName::CSeq, b"1 BYE")
        .header(HeaderName::Other, b"x")
        .other_header("X-Own", b"a\r\nb")
        .body(b"text/plain", b"hi")
        .finish();
    assert_eq!(
        text(&bytes),
        "BYE sip:a@h;x=  y SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@x>;tag=1\r\n\
         To: <sip:b@x>\r\nCall-ID: c\r\nCSeq: 1 BYE\r\nX-Own: a  b\r\nContent-Type: text/plain\r\n\
         Content-Length: 2\r\n\r\nhi"
    );
    let own = RequestBuilder::with_token(b"X-DO", b"sip:h").finish();
    assert_eq!(text(&own), "X-DO sip:h SIP/2.0\r\nContent-Length: 0\r\n\r\n");
}

#[test]
fn refusals() {
    for (message, error, status) in [
        (
            options("", "").replacen("SIP/2.0\r\n", "SIP/3.0\r\n", 1),
            ParseError::UnsupportedVersion,
            "505 Version Not Supported",
        ),
        (
            options("Content-Length: 9\r\n", "abc"),
            ParseError::BodyTruncated,
            "400 Content-Length Exceeds Message",
        ),
        (
            options("", "").replacen("1 OPTIONS", "1 INVITE", 1),
            ParseError::MethodMismatch,
            "400 CSeq Method Differs From Request Method",
        ),
        (options("broken\r\n", ""), ParseError::MalformedHeaderLine, "400 Malformed Header Line"),
        (
            options("To: <sip:c@x>\r\n", ""),
            ParseError::RepeatedHeader(HeaderName::To),
            "400 Repeated To",
        ),
        (
            options("", "").replacen("sip:pbx.example", "<sip:x>", 1),
            ParseError::MalformedRequestUri,
            "400 Malformed Request-URI",
        ),
        (
            options("", "").replacen("SIP/2.0/UDP h", "SIP/2.0/UDP", 1),
            ParseError::MalformedHeader(HeaderName::Via),
            "400 Malformed Via",
        ),
        (options("X: \0\r\n", ""), ParseError::ControlCharacter, "400 Control Character In Header"),
        (options("", "").replace("\r\n", "\n"), ParseError::BareLineFeed, "400 Bare Line Feed"),
    ] {
        assert_eq!(parse(message.as_bytes()).unwrap_err(), error, "{message}");
        let answer = reject(message.as_bytes(), error, remote()).unwrap();
        let again = reject(message.as_bytes(), error, remote()).unwrap();
        assert_eq!(answer, again, "the answer to a retransmission is the same");
        assert!(
            text(&answer).starts_with(&format!("SIP/2.0 {status}\r\nVia: SIP/2.0/UDP")),
            "{answer:?}"
        );
        if error != ParseError::MalformedHeader(HeaderName::Via) {
            let answer = response(&answer);
            assert_eq!(answer.top_via().received(), Some(remote().ip()), "{error}");
            assert!(answer.to().tag().is_some());
            assert_eq!(answer.call_id(), b"c");
        }
    }
}

#[test]
fn no_refusal_without_an_address_for_it() {
    let error = ParseError::MalformedHeaderLine;
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        let message = options("x\r\n", "").replacen(&format!("\r\n{name}:"), "\r\nX:", 1);
        assert_eq!(reject(message.as_bytes(), error, remote()), None, "{name}");
    }
    for message in [
        options("x\r\n", "").replace("OPTIONS", "ACK"),
        options("x\r\n", "").replacen("OPTIONS sip:pbx.example SIP/2.0", "SIP/2.0 200 OK", 1),
        String::new(),
        "\r\n\r\n".to_owned(),
        "(".to_owned(),
    ] {
        assert_eq!(reject(message.as_bytes(), error, remote()), None, "{message}");
    }
}

#[test]
fn stream_faults_can_be_answered_too() {
    let message = options("", "");
    let answer =
        reject(message.as_bytes(), FramingError::MissingContentLength.parse_error(), remote());
    assert!(answer.unwrap().starts_with(b"SIP/2.0 400 Missing Content-Length\r\n"));
}
