//! Requests.

use bytes::Bytes;

use crate::scratch::Scratch;
use crate::{HeaderName, Method};

/// Builds a request line by line; every header but Content-Length is the caller's.
#[derive(Clone, Debug)]
#[must_use]
pub struct RequestBuilder<'a> {
    head: Scratch,
    content_type: Option<&'a [u8]>,
    body: &'a [u8],
}

impl<'a> RequestBuilder<'a> {
    /// Begins a request of a known method; see [`RequestBuilder::with_token`] for any other.
    pub fn new(method: Method, uri: &[u8]) -> Self {
        Self::with_token(method.as_str().as_bytes(), uri)
    }

    /// Begins a request of any method.
    pub fn with_token(method: &[u8], uri: &[u8]) -> Self {
        let mut head = Scratch::default();
        head.push_value(method);
        head.push(b" ");
        head.push_value(uri);
        head.push(b" SIP/2.0\r\n");
        Self { head, content_type: None, body: b"" }
    }

    /// Adds a header line; none for [`HeaderName::Other`].
    pub fn header(mut self, name: HeaderName, value: &[u8]) -> Self {
        if name != HeaderName::Other {
            self.head.push_line(name.as_str().as_bytes(), value);
        }
        self
    }

    /// Adds a header line of any name.
    pub fn other_header(mut self, name: &str, value: &[u8]) -> Self {
        self.head.push_line(name.as_bytes(), value);
        self
    }

    /// Sets the body and its Content-Type.
    pub fn body(mut self, content_type: &'a [u8], body: &'a [u8]) -> Self {
        self.content_type = Some(content_type);
        self.body = body;
        self
    }

    /// The request.
    #[must_use]
    pub fn finish(mut self) -> Bytes {
        if let Some(content_type) = self.content_type {
            self.head.push_line(b"Content-Type", content_type);
        }
        self.head.push(b"Content-Length: ");
        self.head.push_number(self.body.len() as u64);
        self.head.push(b"\r\n\r\n");
        let mut out = Vec::with_capacity(self.head.len() + self.body.len());
        out.extend_from_slice(self.head.as_slice());
        out.extend_from_slice(self.body);
        Bytes::from(out)
    }
}
