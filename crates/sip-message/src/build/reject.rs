//! Answers to requests that cannot be read.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::message::leading_line_ends;
use crate::scratch::Scratch;
use crate::{HeaderName, ParseError, Values, chars, name_addr, stamp, values};

/// More Via lines than any path has are not copied into a refusal.
const MAX_VIA_LINES: usize = 64;

/// A line longer than this is not copied into a refusal.
const MAX_LINE_BYTES: usize = 8_192;

/// Builds the final response to a request that [`crate::Message::parse`] refused, as well as the
/// request can be read.
///
/// `None` for responses and for ACK, which are never answered (RFC 3261 section 17.1.1.3), for
/// keep-alives, and where Via, From, To, Call-ID or CSeq cannot be found. The To tag depends on the
/// request alone, so that a retransmission gets the same answer (section 8.2.7).
#[must_use]
pub fn reject(bytes: &[u8], error: ParseError, remote: SocketAddr) -> Option<Bytes> {
    let bytes = &bytes[leading_line_ends(bytes)..];
    let mut lines = Lines { rest: bytes };
    let start_line = lines.next()?;
    if !is_answerable(start_line) {
        return None;
    }
    let found = Found::collect(lines);
    let via = found.vias.first()?;
    let (from, to, call_id, cseq) = (found.from?, found.to?, found.call_id?, found.cseq?);
    let mut out = Scratch::default();
    out.push(b"SIP/2.0 ");
    out.push(&error.status().digits());
    out.push(b" ");
    out.push(error.reason().as_bytes());
    out.push(b"\r\nVia: ");
    let first = Values::new(via).next().unwrap_or_default();
    let mut top = Scratch::default();
    stamp::write(first, remote, &mut top);
    out.push_value(top.as_slice());
    out.push_value(&via[values::value_end(via)..]);
    out.push(b"\r\n");
    for via in &found.vias[1..] {
        out.push_line(b"Via", via);
    }
    out.push_line(b"From", from);
    out.push(b"To: ");
    out.push_value(to);
    if name_addr::parse(to).is_some_and(|to| to.tag().is_none()) {
        out.push(b";tag=");
        out.push(&tag(&[via, from, call_id, cseq]));
    }
    out.push(b"\r\n");
    out.push_line(b"Call-ID", call_id);
    out.push_line(b"CSeq", cseq);
    out.push(b"Content-Length: 0\r\n\r\n");
    Some(Bytes::copy_from_slice(out.as_slice()))
}

/// Whether the first line looks like that of a request other than ACK.
fn is_answerable(start_line: &[u8]) -> bool {
    let method_end = chars::skip(start_line, 0, chars::TOKEN);
    let method = &start_line[..method_end];
    let is_status_line = start_line.get(method_end) == Some(&b'/');
    method_end > 0 && !is_status_line && !method.eq_ignore_ascii_case(b"ACK")
}

/// What a response must copy, each as it stands.
#[derive(Default)]
struct Found<'a> {
    vias: Vec<&'a [u8]>,
    from: Option<&'a [u8]>,
    to: Option<&'a [u8]>,
    call_id: Option<&'a [u8]>,
    cseq: Option<&'a [u8]>,
}

impl<'a> Found<'a> {
    fn collect(lines: Lines<'a>) -> Self {
        let mut found = Self::default();
        for line in lines {
            let Some(colon) = memchr::memchr(b':', line) else { continue };
            let name = HeaderName::from_bytes(line[..colon].trim_ascii_end());
            let value = chars::trim(&line[colon + 1..]);
            if value.is_empty() || value.len() > MAX_LINE_BYTES {
                continue;
            }
            if name == HeaderName::Via && found.vias.len() < MAX_VIA_LINES {
                found.vias.push(value);
            } else if name == HeaderName::From {
                found.from = found.from.or(Some(value));
            } else if name == HeaderName::To {
                found.to = found.to.or(Some(value));
            } else if name == HeaderName::CallId {
                found.call_id = found.call_id.or(Some(value));
            } else if name == HeaderName::CSeq {
                found.cseq = found.cseq.or(Some(value));
            }
        }
        found
    }
}

/// The lines of a head with their folds, whatever ends them, up to the empty line.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let mut end = 0;
        loop {
            let feed = memchr::memchr(b'\n', &self.rest[end..]);
            end = feed.map_or(self.rest.len(), |at| end + at + 1);
            if !matches!(self.rest.get(end), Some(b' ' | b'\t')) {
                break;
            }
        }
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest;
        let line = chars::trim_end(line);
        (!line.is_empty()).then_some(line)
    }
}

/// Eight hexadecimal digits of an FNV-1a hash.
fn tag(parts: &[&[u8]]) -> [u8; 8] {
    let mut hash = 0x811c_9dc5_u32;
    for byte in parts.iter().flat_map(|part| part.iter()) {
        hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    }
    let mut text = [0u8; 8];
    for (at, digit) in text.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(hash >> (28 - 4 * at) & 0xf) as usize];
    }
    text
}
