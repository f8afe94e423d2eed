//! Responses to a request.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::scratch::Scratch;
use crate::{HeaderName, Request, StatusCode, Values, stamp, values};

/// Builds the response to a request (RFC 3261 section 8.2.6).
///
/// All Via values, From, To, Call-ID and CSeq are copied; the top Via tells where the request came
/// from. Record-Route is copied into the responses that create a dialog (section 12.1.1), and
/// Timestamp into 100 (section 8.2.6.1). Content-Length is always written.
#[derive(Clone, Debug)]
#[must_use]
pub struct ResponseBuilder<'a> {
    request: &'a Request,
    status: StatusCode,
    top_via: Scratch,
    reason: Option<&'a str>,
    to_tag: Option<&'a [u8]>,
    extra: Scratch,
    content_type: Option<&'a [u8]>,
    body: &'a [u8],
}

impl<'a> ResponseBuilder<'a> {
    /// Begins the response to a request that came from `remote`.
    pub fn new(request: &'a Request, status: StatusCode, remote: SocketAddr) -> Self {
        let mut top_via = Scratch::default();
        let line = request.header(HeaderName::Via).unwrap_or_default();
        let first = Values::new(line).next().unwrap_or_default();
        stamp::write(first, remote, &mut top_via);
        Self {
            request,
            status,
            top_via,
            reason: None,
            to_tag: None,
            extra: Scratch::default(),
            content_type: None,
            body: b"",
        }
    }

    /// Sets the To tag, unless the request's To has one.
    pub fn to_tag(mut self, tag: &'a [u8]) -> Self {
        self.to_tag = self.request.to().tag().is_none().then_some(tag);
        self
    }

    /// Sets the reason phrase; [`StatusCode::reason`] is its default.
    pub fn reason(mut self, reason: &'a str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Adds a header line; none for [`HeaderName::Other`].
    pub fn header(mut self, name: HeaderName, value: &[u8]) -> Self {
        if name != HeaderName::Other {
            self.extra.push_line(name.as_str().as_bytes(), value);
        }
        self
    }

    /// Adds a header line of any name.
    pub fn other_header(mut self, name: &str, value: &[u8]) -> Self {
        self.extra.push_line(name.as_bytes(), value);
        self
    }

    /// Sets the body and its Content-Type.
    pub fn body(mut self, content_type: &'a [u8], body: &'a [u8]) -> Self {
        self.content_type = Some(content_type);
        self.body = body;
        self
    }

    /// The response.
    #[must_use]
    pub fn finish(self) -> Bytes {
        // A buffer of just the right length becomes `Bytes` without a second allocation.
        let mut length = Length(0);
        self.write(&mut length);
        let mut out = Vec::with_capacity(length.0);
        self.write(&mut out);
        Bytes::from(out)
    }

    fn write(&self, out: &mut impl Sink) {
        let request = self.request;
        out.put(b"SIP/2.0 ");
        out.put(&self.status.digits());
        out.put(b" ");
        out.put_value(self.reason.unwrap_or_else(|| self.status.reason()).as_bytes());
        out.put(b"\r\n");
        self.write_vias(out);
        out.put_line(b"From: ", request.header(HeaderName::From).unwrap_or_default());
        out.put(b"To: ");
        out.put_value(request.header(HeaderName::To).unwrap_or_default());
        if let Some(tag) = self.to_tag {
            out.put(b";tag=");
            out.put_value(tag);
        }
        out.put(b"\r\n");
        out.put_line(b"Call-ID: ", request.call_id());
        out.put_line(b"CSeq: ", request.header(HeaderName::CSeq).unwrap_or_default());
        if self.creates_dialog() {
            for value in request.lines(HeaderName::RecordRoute) {
                out.put_line(b"Record-Route: ", value);
            }
        }
        if self.status == StatusCode::TRYING
            && let Some(value) = request.header(HeaderName::Timestamp)
        {
            out.put_line(b"Timestamp: ", value);
        }
        out.put(self.extra.as_slice());
        if let Some(content_type) = self.content_type {
            out.put_line(b"Content-Type: ", content_type);
        }
        let mut length = Scratch::default();
        length.push_number(self.body.len() as u64);
        out.put_line(b"Content-Length: ", length.as_slice());
        out.put(b"\r\n");
        out.put(self.body);
    }

    fn write_vias(&self, out: &mut impl Sink) {
        let mut lines = self.request.lines(HeaderName::Via);
        let first = lines.next().unwrap_or_default();
        out.put(b"Via: ");
        out.put_value(self.top_via.as_slice());
        out.put_value(&first[values::value_end(first)..]);
        out.put(b"\r\n");
        for value in lines {
            out.put_line(b"Via: ", value);
        }
    }

    fn creates_dialog(&self) -> bool {
        let code = self.status.as_u16();
        (101..300).contains(&code) && self.request.method().creates_dialog()
    }
}

/// Where a response is written to.
trait Sink {
    fn put(&mut self, bytes: &[u8]);

    /// Puts a value onto the line: folds, and whatever else would end it, become spaces.
    fn put_value(&mut self, value: &[u8]);

    /// Puts a header line; the name comes with its colon and space.
    fn put_line(&mut self, name: &[u8], value: &[u8]) {
        self.put(name);
        self.put_value(value);
        self.put(b"\r\n");
    }
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn put_value(&mut self, value: &[u8]) {
        let start = self.len();
        self.extend_from_slice(value);
        if memchr::memchr3(b'\r', b'\n', 0, value).is_some() {
            for byte in &mut self[start..] {
                if matches!(byte, b'\r' | b'\n' | 0) {
                    *byte = b' ';
                }
            }
        }
    }
}

/// Counts the bytes that a response will have.
struct Length(usize);

impl Sink for Length {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }

    fn put_value(&mut self, value: &[u8]) {
        self.0 += value.len();
    }
}
