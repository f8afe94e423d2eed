//! Messages that several tests start from.

use bytes::Bytes;
use offhook_sip_message::{Limits, Message, ParseError, Request, Response};

/// An INVITE with two Vias, a Route set and a body.
pub(crate) const INVITE: &str = "INVITE sip:1002@pbx.example;transport=udp SIP/2.0\r\n\
Via: SIP/2.0/UDP edge.example;branch=z9hG4bKedge;received=192.0.2.1, SIP/2.0/TCP [2001:db8::7]:5070;branch=z9hG4bKphone\r\n\
via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKinner\r\n\
Max-Forwards: 70\r\n\
Route: <sip:p1.example;lr>, <sip:p2.example;lr>\r\n\
Route: <sip:p3.example;lr>\r\n\
Record-Route: <sip:edge.example;lr>\r\n\
From: \"Desk, Front\" <sip:1001@pbx.example>;tag=a1\r\n\
To: <sip:1002@pbx.example>\r\n\
Call-ID: c1@phone.example\r\n\
CSeq: 7 INVITE\r\n\
Contact: <sip:1001@10.0.0.9>\r\n\
X-Colour: blue;\r\n \tgreen\r\n\
Content-Type: text/plain\r\n\
Content-Length: 5\r\n\
\r\n\
hello";

pub(crate) fn parse(bytes: &[u8]) -> Result<Message, ParseError> {
    Message::parse(Bytes::copy_from_slice(bytes), &Limits::default())
}

pub(crate) fn request(text: &str) -> Request {
    match parse(text.as_bytes()) {
        Ok(Message::Request(request)) => request,
        other => panic!("no request: {other:?}\n{text}"),
    }
}

pub(crate) fn response(bytes: &[u8]) -> Response {
    match parse(bytes) {
        Ok(Message::Response(response)) => response,
        other => panic!("no response: {other:?}\n{}", String::from_utf8_lossy(bytes)),
    }
}

/// A request with the mandatory headers, these lines (each with its line end) and this body.
pub(crate) fn options(lines: &str, body: &str) -> String {
    format!(
        "OPTIONS sip:pbx.example SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
         From: <sip:a@x.example>;tag=1\r\nTo: <sip:b@x.example>\r\nCall-ID: c\r\n\
         CSeq: 1 OPTIONS\r\n{lines}\r\n{body}"
    )
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_else(|_| panic!("{}", bytes.escape_ascii()))
}
