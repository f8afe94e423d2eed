//! Changed copies of a message.

use std::net::SocketAddr;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::scratch::Scratch;
use crate::{Head, HeaderName, Request, Response, Values, stamp, values};

/// Changes to a received message, written out in one go.
///
/// The message is an ordered list of ranges: lines as received, and lines that were added or changed
/// and live in a small buffer. Neighbouring received lines leave as one copy, so a forwarded request
/// is a few copies into one allocation, and what was not touched stays byte for byte. A changed line
/// is an ordinary line to the next change.
///
/// Where the received message has no Content-Length, one is added, so that the copy may leave by
/// any transport. [`HeaderName::Other`] names no line: changes for it do nothing, and
/// [`Edit::append_other`] adds a line under any name.
#[derive(Clone, Debug)]
pub struct Edit<'a> {
    head: &'a Head,
    method: Option<&'a [u8]>,
    start_line: Option<(u32, u32)>,
    lines: SmallVec<[Piece; INLINE_PIECES]>,
    scratch: Scratch,
    body: Option<Vec<u8>>,
}

/// Lines that an edit holds without an allocation.
const INLINE_PIECES: usize = 32;

/// One header line with its line end.
#[derive(Clone, Copy, Debug)]
struct Piece {
    start: u32,
    end: u32,
    value_start: u32,
    value_end: u32,
    name: HeaderName,
    is_received: bool,
}

impl<'a> Edit<'a> {
    pub(crate) fn request(request: &'a Request) -> Self {
        Self::new(request, Some(request.method_token()))
    }

    pub(crate) fn response(response: &'a Response) -> Self {
        Self::new(response, None)
    }

    fn new(head: &'a Head, method: Option<&'a [u8]>) -> Self {
        let index = head.index();
        let lines = index.lines().iter().enumerate().map(|(at, line)| Piece {
            start: line.start,
            end: index.line_end(at) as u32,
            value_start: line.value_start,
            value_end: line.value_end,
            name: line.name,
            is_received: true,
        });
        let mut edit = Self {
            head,
            method,
            start_line: None,
            lines: lines.collect(),
            scratch: Scratch::default(),
            body: None,
        };
        if !head.has(HeaderName::ContentLength) {
            edit.write_content_length(head.body().len());
        }
        edit
    }

    /// Sets the Request-URI; does nothing on a response.
    pub fn set_request_uri(&mut self, uri: &[u8]) {
        let Some(method) = self.method else { return };
        let start = self.scratch.len();
        self.scratch.push(method);
        self.scratch.push(b" ");
        self.scratch.push_value(uri);
        self.scratch.push(b" SIP/2.0\r\n");
        self.start_line = Some((start as u32, self.scratch.len() as u32));
    }

    /// Adds a line above the first of that header, or as the first of all.
    pub fn push_first(&mut self, name: HeaderName, value: &[u8]) {
        let at = self.position(name).unwrap_or(0);
        if let Some(line) = self.write_line(name, value) {
            self.lines.insert(at, line);
        }
    }

    /// Adds a line below all others.
    pub fn append(&mut self, name: HeaderName, value: &[u8]) {
        if let Some(line) = self.write_line(name, value) {
            self.lines.push(line);
        }
    }

    /// Adds a line with any name below all others.
    pub fn append_other(&mut self, name: &str, value: &[u8]) {
        let start = self.scratch.len();
        let value_start = self.scratch.push_line(name.as_bytes(), value);
        let known = HeaderName::from_bytes(name.as_bytes());
        let line = self.written(known, start, value_start, value_start + value.len());
        self.lines.push(line);
    }

    /// Sets the value of the first line of that header; adds the line if there is none.
    pub fn replace(&mut self, name: HeaderName, value: &[u8]) {
        let Some(line) = self.write_line(name, value) else { return };
        match self.position(name) {
            Some(at) => self.lines[at] = line,
            None => self.lines.push(line),
        }
    }

    /// Removes all lines of that header.
    pub fn remove_all(&mut self, name: HeaderName) {
        if name != HeaderName::Other {
            self.lines.retain(|line| line.name != name);
        }
    }

    /// Removes all lines with that name as written, in any case.
    pub fn remove_all_named(&mut self, name: &str) {
        let (head, scratch) = (self.head, &self.scratch);
        self.lines.retain(|line| {
            let text = source(head, scratch, line.is_received, line.start, line.value_start);
            let colon = memchr::memchr(b':', text).unwrap_or(0);
            !text[..colon].trim_ascii_end().eq_ignore_ascii_case(name.as_bytes())
        });
    }

    /// Removes the first of the comma-separated values of that header, and its line with the last
    /// one.
    pub fn remove_first_value(&mut self, name: HeaderName) {
        let Some(at) = self.position(name) else { return };
        let line = self.lines[at];
        let value = self.value(&line);
        let first_end = values::value_end(value);
        if first_end == value.len() {
            self.lines.remove(at);
            return;
        }
        let rest_start = line.value_start + (first_end + 1) as u32;
        let start = self.scratch.len();
        self.scratch.push(name.as_str().as_bytes());
        self.scratch.push(b": ");
        self.write_tail(&line, rest_start);
        self.finish_line(at, name, start);
    }

    /// Sets the first of the comma-separated values of that header; adds a line if there is none.
    pub fn replace_first_value(&mut self, name: HeaderName, value: &[u8]) {
        let Some(at) = self.position(name) else {
            self.push_first(name, value);
            return;
        };
        let line = self.lines[at];
        let first_end = values::value_end(self.value(&line)) as u32;
        let start = self.scratch.len();
        self.scratch.push(name.as_str().as_bytes());
        self.scratch.push(b": ");
        self.scratch.push_value(value);
        self.write_tail(&line, line.value_start + first_end);
        self.finish_line(at, name, start);
    }

    /// Notes in the top Via where the request came from: `received` if sent-by is not that address
    /// or `rport` is asked for, and the value of `rport` (RFC 3261 section 18.2.1, RFC 3581 section
    /// 4). That is the first Via line as received: one pushed above it stays as it is.
    pub fn stamp_top_via(&mut self, remote: SocketAddr) {
        let received = |line: &Piece| line.is_received && line.name == HeaderName::Via;
        let Some(at) = self.lines.iter().position(received) else { return };
        let line = self.lines[at];
        let head = self.head;
        let value = &head.bytes()[line.value_start as usize..line.value_end as usize];
        let first_end = values::value_end(value);
        let first = Values::new(value).next().unwrap_or_default();
        let start = self.scratch.len();
        self.scratch.push(b"Via: ");
        stamp::write(first, remote, &mut self.scratch);
        self.scratch.push(&value[first_end..]);
        self.finish_line(at, HeaderName::Via, start);
    }

    /// Sets the body and Content-Length, and Content-Type if one is given.
    pub fn set_body(&mut self, content_type: Option<&[u8]>, body: &[u8]) {
        self.body = Some(body.to_vec());
        if let Some(content_type) = content_type {
            self.replace(HeaderName::ContentType, content_type);
        }
        self.write_content_length(body.len());
    }

    /// Appends the changed message.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.reserve(self.len());
        let head = self.head;
        // Received bytes wait here until something else must come in between.
        let mut run = match self.start_line {
            Some((start, end)) => {
                out.extend_from_slice(self.scratch.get(start as usize..end as usize));
                0..0
            }
            None => 0..head.index().headers_start(),
        };
        for line in &self.lines {
            let range = line.start as usize..line.end as usize;
            if !line.is_received {
                out.extend_from_slice(&head.bytes()[run]);
                out.extend_from_slice(self.scratch.get(range));
                run = 0..0;
            } else if run.end == range.start {
                run.end = range.end;
            } else {
                out.extend_from_slice(&head.bytes()[run]);
                run = range;
            }
        }
        let tail = match self.body {
            Some(_) => head.index().head_end()..head.index().body_start(),
            None => head.index().head_end()..head.bytes().len(),
        };
        if run.end == tail.start {
            out.extend_from_slice(&head.bytes()[run.start..tail.end]);
        } else {
            out.extend_from_slice(&head.bytes()[run]);
            out.extend_from_slice(&head.bytes()[tail]);
        }
        if let Some(body) = &self.body {
            out.extend_from_slice(body);
        }
    }

    /// The changed message in a buffer of its own.
    #[must_use]
    pub fn finish(self) -> Bytes {
        let mut out = Vec::with_capacity(self.len());
        self.write_to(&mut out);
        Bytes::from(out)
    }

    /// Length of the changed message in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        let index = self.head.index();
        let start_line = match self.start_line {
            Some((start, end)) => (end - start) as usize,
            None => index.headers_start(),
        };
        let lines: usize = self.lines.iter().map(|line| (line.end - line.start) as usize).sum();
        let empty_line = index.body_start() - index.head_end();
        let body = self.body.as_deref().unwrap_or_else(|| self.head.body()).len();
        start_line + lines + empty_line + body
    }

    /// Never true: a message has a start line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn position(&self, name: HeaderName) -> Option<usize> {
        if name == HeaderName::Other {
            return None;
        }
        self.lines.iter().position(|line| line.name == name)
    }

    fn value(&self, line: &Piece) -> &[u8] {
        source(self.head, &self.scratch, line.is_received, line.value_start, line.value_end)
    }

    /// Writes a line; none for [`HeaderName::Other`].
    fn write_line(&mut self, name: HeaderName, value: &[u8]) -> Option<Piece> {
        if name == HeaderName::Other {
            return None;
        }
        let start = self.scratch.len();
        let value_start = self.scratch.push_line(name.as_str().as_bytes(), value);
        Some(self.written(name, start, value_start, value_start + value.len()))
    }

    /// Copies the value of a line from a position on.
    fn write_tail(&mut self, line: &Piece, from: u32) {
        let range = from as usize..line.value_end as usize;
        if line.is_received {
            let rest = &self.head.bytes()[range];
            self.scratch.push(rest.trim_ascii_start());
        } else {
            let blanks = self.scratch.get(range.clone());
            let skipped = blanks.len() - blanks.trim_ascii_start().len();
            self.scratch.repeat(range.start + skipped..range.end);
        }
    }

    /// Ends the line that began at `start` and puts it in the place of another.
    fn finish_line(&mut self, at: usize, name: HeaderName, start: usize) {
        let value_end = self.scratch.len();
        self.scratch.push(b"\r\n");
        let value_start = start + name.as_str().len() + 2;
        self.lines[at] = self.written(name, start, value_start, value_end);
    }

    fn written(
        &self,
        name: HeaderName,
        start: usize,
        value_start: usize,
        value_end: usize,
    ) -> Piece {
        Piece {
            start: start as u32,
            end: self.scratch.len() as u32,
            value_start: value_start as u32,
            value_end: value_end as u32,
            name,
            is_received: false,
        }
    }

    fn write_content_length(&mut self, len: usize) {
        let mut number = Scratch::default();
        number.push_number(len as u64);
        self.replace(HeaderName::ContentLength, number.as_slice());
    }
}

fn source<'a>(
    head: &'a Head,
    scratch: &'a Scratch,
    is_received: bool,
    start: u32,
    end: u32,
) -> &'a [u8] {
    let range = start as usize..end as usize;
    if is_received { &head.bytes()[range] } else { scratch.get(range) }
}
