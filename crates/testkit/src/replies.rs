//! Responses written out by hand.

use std::fmt::Write as _;

use bytes::Bytes;
use offhook_sip_message::{HeaderName, Request, Response};

use crate::messages;

/// A response in the making. It copies from its request what RFC 3261 section 8.2.6.2 says, and the
/// Record-Route of section 12.1.1 where a dialog begins.
#[derive(Clone, Debug)]
pub struct ReplySketch {
    request: Request,
    status: u16,
    tag: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl ReplySketch {
    /// A response with the To tag `b1`, which is added to all but a 100 if the request's To has none.
    #[must_use]
    pub fn new(request: &Request, status: u16) -> Self {
        Self {
            request: request.clone(),
            status,
            tag: if status == 100 { String::new() } else { "b1".into() },
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// Another To tag; none if it is empty.
    #[must_use]
    pub fn tag(mut self, tag: &str) -> Self {
        self.tag = tag.into();
        self
    }

    /// One more header line.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// A Contact with this URI.
    #[must_use]
    pub fn contact(self, uri: &str) -> Self {
        self.header("Contact", &format!("<{uri}>"))
    }

    /// The body, of type `application/sdp`.
    #[must_use]
    pub fn sdp(mut self, body: &str) -> Self {
        self.body = body.into();
        self
    }

    /// The bytes of the response.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        let plain = messages::response_to(&self.request, self.status, &self.tag);
        let plain = String::from_utf8_lossy(&plain);
        let mut text = plain.trim_end_matches("Content-Length: 0\r\n\r\n").to_owned();
        if self.status > 100 && self.status < 300 {
            for line in self.request.lines(HeaderName::RecordRoute) {
                push_line(&mut text, "Record-Route", &String::from_utf8_lossy(line));
            }
        }
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

    /// The response, parsed.
    ///
    /// # Panics
    /// If it is not a SIP response.
    #[must_use]
    pub fn response(&self) -> Response {
        messages::response(self.bytes())
    }
}

fn push_line(text: &mut String, name: &str, value: &str) {
    // Writing to a string cannot fail.
    let _ = write!(text, "{name}: {value}\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::RequestSketch;

    #[test]
    fn a_reply_that_begins_a_dialog_copies_the_record_route() {
        let invite = RequestSketch::new("INVITE", "sip:bob@example.com")
            .header("Record-Route", "<sip:p1.example.com;lr>, <sip:p2.example.com;lr>")
            .request();
        let ringing = ReplySketch::new(&invite, 180).response();
        assert_eq!(ringing.record_routes().count(), 2);
        assert_eq!(ringing.to().tag(), Some(&b"b1"[..]));
        let busy = ReplySketch::new(&invite, 486).response();
        assert_eq!(busy.record_routes().count(), 0);
        let answer = ReplySketch::new(&invite, 200).contact("sip:bob@192.0.2.20").sdp("v=0\r\n");
        assert_eq!(answer.response().body(), b"v=0\r\n");
        let trying = ReplySketch::new(&invite, 100).response();
        assert_eq!(trying.to().tag(), None);
    }
}
