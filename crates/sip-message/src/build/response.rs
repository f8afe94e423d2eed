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
        self.to_tag = Some(tag);
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
        let request = self.request;
        let mut out = Vec::with_capacity(self.capacity());
        let reason = self.reason.unwrap_or_else(|| self.status.reason());
        out.extend_from_slice(b"SIP/2.0 ");
        out.extend_from_slice(&self.status.digits());
        out.push(b' ');
        write_value(&mut out, reason.as_bytes());
        out.extend_from_slice(b"\r\n");
        self.write_vias(&mut out);
        write_line(&mut out, b"From", request.header(HeaderName::From).unwrap_or_default());
        out.extend_from_slice(b"To: ");
        write_value(&mut out, request.header(HeaderName::To).unwrap_or_default());
        if let (Some(tag), None) = (self.to_tag, request.to().tag()) {
            out.extend_from_slice(b";tag=");
            write_value(&mut out, tag);
        }
        out.extend_from_slice(b"\r\n");
        write_line(&mut out, b"Call-ID", request.call_id());
        write_line(&mut out, b"CSeq", request.header(HeaderName::CSeq).unwrap_or_default());
        if self.creates_dialog() {
            for value in request.lines(HeaderName::RecordRoute) {
                write_line(&mut out, b"Record-Route", value);
            }
        }
        if let (StatusCode::TRYING, Some(value)) =
            (self.status, request.header(HeaderName::Timestamp))
        {
            write_line(&mut out, b"Timestamp", value);
        }
        out.extend_from_slice(self.extra.as_slice());
        if let Some(content_type) = self.content_type {
            write_line(&mut out, b"Content-Type", content_type);
        }
        let mut length = Scratch::default();
        length.push_number(self.body.len() as u64);
        write_line(&mut out, b"Content-Length", length.as_slice());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(self.body);
        Bytes::from(out)
    }

    fn write_vias(&self, out: &mut Vec<u8>) {
        let mut lines = self.request.lines(HeaderName::Via);
        let first = lines.next().unwrap_or_default();
        out.extend_from_slice(b"Via: ");
        write_value(out, self.top_via.as_slice());
        write_value(out, &first[values::value_end(first)..]);
        out.extend_from_slice(b"\r\n");
        for value in lines {
            write_line(out, b"Via", value);
        }
    }

    fn creates_dialog(&self) -> bool {
        let code = self.status.as_u16();
        (101..300).contains(&code) && self.request.method().creates_dialog()
    }

    /// Room for the whole response: the request's head bounds what is copied from it.
    fn capacity(&self) -> usize {
        const FIXED_TEXT: usize = 160;
        self.request.index().head_end()
            + self.top_via.len()
            + self.extra.len()
            + self.reason.map_or(0, str::len)
            + self.to_tag.map_or(0, <[u8]>::len)
            + self.content_type.map_or(0, <[u8]>::len)
            + self.body.len()
            + FIXED_TEXT
    }
}

fn write_line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    write_value(out, value);
    out.extend_from_slice(b"\r\n");
}

/// Copies a value onto the line: folds, and whatever else would end it, become spaces.
fn write_value(out: &mut Vec<u8>, value: &[u8]) {
    if memchr::memchr3(b'\r', b'\n', 0, value).is_none() {
        out.extend_from_slice(value);
    } else {
        let clean = |b: &u8| if matches!(b, b'\r' | b'\n' | 0) { b' ' } else { *b };
        out.extend(value.iter().map(clean));
    }
}
