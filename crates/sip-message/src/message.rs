//! Requests and responses.

use std::ops::Deref;

use bytes::{Buf, Bytes};

use crate::edit::Edit;
use crate::head::Core;
use crate::{Head, Index, Limits, Method, ParseError, StatusCode, Uri, chars};

/// A SIP message: a request or a response (RFC 3261 section 7).
#[derive(Clone, Debug)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

impl Message {
    /// Reads a datagram, or one message that [`crate::StreamFramer`] has cut out of a stream.
    ///
    /// Line ends before the start line are skipped. Bytes beyond Content-Length are cut off; without
    /// Content-Length the body is all the rest (RFC 3261 section 18.3). The five mandatory headers
    /// are checked in full, everything else when it is asked for.
    ///
    /// # Errors
    /// The first fault found. [`crate::reject`] answers a request that has one.
    pub fn parse(mut bytes: Bytes, limits: &Limits) -> Result<Self, ParseError> {
        let start = leading_line_ends(&bytes);
        if start == bytes.len() {
            return Err(ParseError::Empty);
        }
        if start > 0 {
            bytes.advance(start);
        }
        let index = Index::scan(&bytes, limits)?;
        let start_line = StartLine::parse(&bytes[..index.start_line_end()], limits)?;
        let core = Core::check(&bytes, &index)?;
        match start_line {
            StartLine::Request { method, uri_start, uri_end } => {
                if core.cseq_token(&bytes) != &bytes[..uri_start as usize - 1] {
                    return Err(ParseError::MethodMismatch);
                }
                let head = Head::new(bytes, index, core);
                Ok(Self::Request(Request { head, method, uri_start, uri_end }))
            }
            StartLine::Response { status, reason_start } => {
                let head = Head::new(bytes, index, core);
                Ok(Self::Response(Response { head, status, reason_start }))
            }
        }
    }

    /// The head, of either kind.
    #[must_use]
    pub fn head(&self) -> &Head {
        match self {
            Self::Request(request) => request,
            Self::Response(response) => response,
        }
    }
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    head: Head,
    method: Method,
    uri_start: u32,
    uri_end: u32,
}

impl Request {
    /// The method.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }

    /// The method as written.
    #[must_use]
    pub fn method_token(&self) -> &[u8] {
        &self.bytes()[..self.uri_start as usize - 1]
    }

    /// The Request-URI.
    #[must_use]
    pub fn uri(&self) -> Uri<'_> {
        Uri::parse(self.uri_bytes()).unwrap_or(Uri::NONE)
    }

    /// The Request-URI as received.
    #[must_use]
    pub fn uri_bytes(&self) -> &[u8] {
        &self.bytes()[self.uri_start as usize..self.uri_end as usize]
    }

    /// Begins a changed copy.
    #[must_use]
    pub fn edit(&self) -> Edit<'_> {
        Edit::request(self)
    }
}

impl Deref for Request {
    type Target = Head;

    fn deref(&self) -> &Head {
        &self.head
    }
}

/// A response.
#[derive(Clone, Debug)]
pub struct Response {
    head: Head,
    status: StatusCode,
    reason_start: u32,
}

impl Response {
    /// The status code.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The reason phrase, which may be empty.
    #[must_use]
    pub fn reason(&self) -> &[u8] {
        let end = self.index().start_line_end();
        &self.bytes()[(self.reason_start as usize).min(end)..end]
    }

    /// Begins a changed copy.
    #[must_use]
    pub fn edit(&self) -> Edit<'_> {
        Edit::response(self)
    }
}

impl Deref for Response {
    type Target = Head;

    fn deref(&self) -> &Head {
        &self.head
    }
}

enum StartLine {
    Request { method: Method, uri_start: u32, uri_end: u32 },
    Response { status: StatusCode, reason_start: u32 },
}

impl StartLine {
    fn parse(line: &[u8], limits: &Limits) -> Result<Self, ParseError> {
        match line {
            [b'S' | b's', b'I' | b'i', b'P' | b'p', b'/', ..] => Self::response(line),
            _ => Self::request(line, limits),
        }
    }

    /// `Method SP Request-URI SP SIP-Version`
    fn request(line: &[u8], limits: &Limits) -> Result<Self, ParseError> {
        let method_end = chars::skip(line, 0, chars::TOKEN);
        match line.get(method_end) {
            Some(b' ') if method_end > 0 => {}
            Some(_) => return Err(ParseError::MalformedMethod),
            None => return Err(ParseError::MalformedStartLine),
        }
        let uri_start = method_end + 1;
        let uri_end = uri_start
            + memchr::memrchr(b' ', &line[uri_start..]).ok_or(ParseError::MalformedStartLine)?;
        check_version(&line[uri_end + 1..])?;
        let uri = &line[uri_start..uri_end];
        if uri.len() > limits.max_uri_bytes {
            return Err(ParseError::UriTooLong);
        }
        if Uri::parse(uri).is_err() {
            return Err(ParseError::MalformedRequestUri);
        }
        Ok(Self::Request {
            method: Method::from_token(&line[..method_end]),
            uri_start: uri_start as u32,
            uri_end: uri_end as u32,
        })
    }

    /// `SIP-Version SP Status-Code SP Reason-Phrase`; the space before an empty phrase may be
    /// missing.
    fn response(line: &[u8]) -> Result<Self, ParseError> {
        let space = memchr::memchr(b' ', line).ok_or(ParseError::MalformedStartLine)?;
        check_version(&line[..space])?;
        let rest = &line[space + 1..];
        let digits = rest.get(..3).ok_or(ParseError::MalformedStatusCode)?;
        if !matches!(rest.get(3), None | Some(b' ')) {
            return Err(ParseError::MalformedStatusCode);
        }
        let status = chars::decimal(digits, 699)
            .and_then(|code| StatusCode::new(u16::try_from(code).ok()?))
            .ok_or(ParseError::MalformedStatusCode)?;
        Ok(Self::Response { status, reason_start: (space + 5) as u32 })
    }
}

/// `SIP/2.0` in any case (RFC 3261 section 7.1).
fn check_version(version: &[u8]) -> Result<(), ParseError> {
    let [b'S' | b's', b'I' | b'i', b'P' | b'p', b'/', number @ ..] = version else {
        return Err(ParseError::MalformedStartLine);
    };
    if number == b"2.0" {
        return Ok(());
    }
    let is_number = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    match memchr::memchr(b'.', number) {
        Some(dot) if is_number(&number[..dot]) && is_number(&number[dot + 1..]) => {
            Err(ParseError::UnsupportedVersion)
        }
        Some(_) | None => Err(ParseError::MalformedStartLine),
    }
}

/// Length of the line ends before the start line (RFC 3261 section 7.5).
pub(crate) fn leading_line_ends(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count()
}
