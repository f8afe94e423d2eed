//! Messages written out by hand, independent of the builders that the tests are about.

use std::fmt::Write as _;

use bytes::Bytes;
use offhook_sip_message::{Limits, Message, Request, Response};

/// A SIP request in the making. Each part has a usual value; the setters change one.
#[derive(Clone, Debug)]
pub struct RequestSketch {
    method: String,
    uri: String,
    via: String,
    from: String,
    to: String,
    call_id: String,
    cseq: u32,
    headers: Vec<(String, String)>,
    body: String,
}

impl RequestSketch {
    /// A request from `alice` to `bob` in `example.com`.
    #[must_use]
    pub fn new(method: &str, uri: &str) -> Self {
        Self {
            method: method.into(),
            uri: uri.into(),
            via: "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKalice1;rport".into(),
            from: "\"Alice\" <sip:alice@example.com>;tag=a1".into(),
            to: "<sip:bob@example.com>".into(),
            call_id: "call-1@192.0.2.10".into(),
            cseq: 1,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// The value of the top Via.
    #[must_use]
    pub fn via(mut self, via: &str) -> Self {
        self.via = via.into();
        self
    }

    /// The value of From.
    #[must_use]
    pub fn from(mut self, from: &str) -> Self {
        self.from = from.into();
        self
    }

    /// The value of To.
    #[must_use]
    pub fn to(mut self, to: &str) -> Self {
        self.to = to.into();
        self
    }

    /// The value of Call-ID.
    #[must_use]
    pub fn call_id(mut self, call_id: &str) -> Self {
        self.call_id = call_id.into();
        self
    }

    /// The number in CSeq.
    #[must_use]
    pub fn cseq(mut self, number: u32) -> Self {
        self.cseq = number;
        self
    }

    /// One more header line.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The body, of type `application/sdp`.
    #[must_use]
    pub fn sdp(mut self, body: &str) -> Self {
        self.body = body.into();
        self
    }

    /// The bytes of the request.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        let mut text = format!(
            "{} {} SIP/2.0\r\nVia: {}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\n\
             CSeq: {} {}\r\n",
            self.method,
            self.uri,
            self.via,
            self.from,
            self.to,
            self.call_id,
            self.cseq,
            self.method
        );
        for (name, value) in &self.headers {
            push_line(&mut text, name, value);
        }
        if !self.body.is_empty() {
            push_line(&mut text, "Content-Type", "application/sdp");
        }
        push_line(&mut text, "Content-Length", &self.body.len().to_string());
        text.push_str("\r\n");
        text.push_str(&self.body);
        text.into()
    }

    /// The request, parsed.
    ///
    /// # Panics
    /// If it is not a SIP request.
    #[must_use]
    pub fn request(&self) -> Request {
        request(self.bytes())
    }
}

fn push_line(text: &mut String, name: &str, value: &str) {
    // Writing to a string cannot fail.
    let _ = write!(text, "{name}: {value}\r\n");
}

/// The bytes of a response that copies what RFC 3261 section 8.2.6.2 says from `request`; `to_tag` is
/// added if the request's To has none and it is not empty.
#[must_use]
pub fn response_to(request: &Request, status: u16, to_tag: &str) -> Bytes {
    let source = String::from_utf8_lossy(request.bytes());
    let mut text = format!("SIP/2.0 {status} Whatever\r\n");
    for line in source.split("\r\n").skip(1).take_while(|line| !line.is_empty()) {
        let name = line.split(':').next().unwrap_or_default().trim();
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("To") && !to_tag.is_empty() && request.to().tag().is_none() {
            push_line(&mut text, "To", &format!("{};tag={to_tag}", line[3..].trim()));
        } else if ["Via", "From", "To", "Call-ID", "CSeq"].into_iter().any(is) {
            text.push_str(line);
            text.push_str("\r\n");
        }
    }
    text.push_str("Content-Length: 0\r\n\r\n");
    text.into()
}

/// Parses a request.
///
/// # Panics
/// If the bytes are not a SIP request.
#[must_use]
pub fn request(bytes: Bytes) -> Request {
    match Message::parse(bytes.clone(), &Limits::default()) {
        Ok(Message::Request(request)) => request,
        Ok(Message::Response(_)) => panic!("a response: {}", bytes.escape_ascii()),
        Err(error) => panic!("{error}: {}", bytes.escape_ascii()),
    }
}

/// Parses a response.
///
/// # Panics
/// If the bytes are not a SIP response.
#[must_use]
pub fn response(bytes: Bytes) -> Response {
    match Message::parse(bytes.clone(), &Limits::default()) {
        Ok(Message::Response(response)) => response,
        Ok(Message::Request(_)) => panic!("a request: {}", bytes.escape_ascii()),
        Err(error) => panic!("{error}: {}", bytes.escape_ascii()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sketch_is_a_request_and_answers_are_responses() {
        let invite = RequestSketch::new("INVITE", "sip:bob@example.com").sdp("v=0\r\n").request();
        assert_eq!(invite.body(), b"v=0\r\n");
        let answer = response(response_to(&invite, 180, "b1"));
        assert_eq!(answer.status().as_u16(), 180);
        assert_eq!(answer.to().tag(), Some(&b"b1"[..]));
        assert_eq!(answer.top_via().branch(), Some(&b"z9hG4bKalice1"[..]));
    }
}
