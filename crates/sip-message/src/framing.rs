//! Messages out of a stream (RFC 3261 section 18.3, RFC 5626 section 3.5.1).

use bytes::{Buf, Bytes, BytesMut};

use crate::{HeaderName, Limits, ParseError, chars};

/// Cuts a byte stream into messages and keep-alives.
///
/// What comes out depends on the bytes alone, never on how they were cut into reads. Pushing after
/// each read and taking frames until there is none keeps the buffer below one message and one read.
#[derive(Clone, Debug)]
pub struct StreamFramer {
    buffer: BytesMut,
    max_message_bytes: usize,
    accept_bare_lf: bool,
    /// Bytes of the head that hold no empty line.
    scanned: usize,
    /// Length of the message whose head is complete.
    message_len: Option<usize>,
    /// A line end went before, and no message since.
    after_line_end: bool,
    error: Option<FramingError>,
}

/// One thing out of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The bytes of one message.
    Message(Bytes),
    /// The second of a pair of line ends between messages: the peer asks whether we are there. The
    /// answer is one line end (RFC 5626 section 4.4.1).
    Ping,
    /// One line end between messages: the answer to a ping, or the first half of one, which only the
    /// next bytes can tell; nothing has to be done either way.
    Pong,
}

/// Why a stream cannot be cut any further; the connection is of no more use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum FramingError {
    /// A head without Content-Length (RFC 3261 section 18.3).
    #[error("no Content-Length on a stream")]
    MissingContentLength,
    /// A Content-Length that is no number.
    #[error("malformed Content-Length")]
    MalformedContentLength,
    /// Two lines of Content-Length.
    #[error("repeated Content-Length")]
    RepeatedContentLength,
    /// A message longer than [`Limits::max_message_bytes`].
    #[error("message too large")]
    MessageTooLarge,
}

impl FramingError {
    /// The fault of the message, for [`crate::reject`].
    #[must_use]
    pub fn parse_error(self) -> ParseError {
        match self {
            Self::MissingContentLength => ParseError::MissingHeader(HeaderName::ContentLength),
            Self::MalformedContentLength => ParseError::MalformedHeader(HeaderName::ContentLength),
            Self::RepeatedContentLength => ParseError::RepeatedHeader(HeaderName::ContentLength),
            Self::MessageTooLarge => ParseError::MessageTooLarge,
        }
    }
}

impl StreamFramer {
    /// A framer at the beginning of a stream.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            buffer: BytesMut::new(),
            max_message_bytes: limits.max_message_bytes,
            accept_bare_lf: limits.accept_bare_lf,
            scanned: 0,
            message_len: None,
            after_line_end: false,
            error: None,
        }
    }

    /// Takes bytes that were read.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.error.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next frame; `None` until more bytes come.
    ///
    /// # Errors
    /// When the stream has no frame here; every later call has the same error. The unread bytes are
    /// in [`StreamFramer::unread`].
    #[expect(
        clippy::should_implement_trait,
        reason = "a framer is no iterator: it goes on after `None`, and it can fail"
    )]
    pub fn next(&mut self) -> Result<Option<Frame>, FramingError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        match self.frame() {
            Ok(frame) => Ok(frame),
            Err(error) => {
                self.error = Some(error);
                Err(error)
            }
        }
    }

    /// Bytes that belong to no frame yet; after an error, the message that has it.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        &self.buffer
    }

    fn frame(&mut self) -> Result<Option<Frame>, FramingError> {
        if self.message_len.is_none() && self.scanned == 0 {
            if let Some(len) = self.line_end_len() {
                self.buffer.advance(len);
                let frame = if self.after_line_end { Frame::Ping } else { Frame::Pong };
                self.after_line_end = !self.after_line_end;
                return Ok(Some(frame));
            }
            if matches!(self.buffer.first(), None | Some(b'\r')) && self.buffer.len() < 2 {
                return Ok(None);
            }
        }
        let len = match self.message_len {
            Some(len) => len,
            None => match self.find_message_len()? {
                Some(len) => *self.message_len.insert(len),
                None => return Ok(None),
            },
        };
        if self.buffer.len() < len {
            return Ok(None);
        }
        self.message_len = None;
        self.scanned = 0;
        self.after_line_end = false;
        Ok(Some(Frame::Message(self.buffer.split_to(len).freeze())))
    }

    fn line_end_len(&self) -> Option<usize> {
        match self.buffer.as_ref() {
            [b'\r', b'\n', ..] => Some(2),
            [b'\n', ..] if self.accept_bare_lf => Some(1),
            _ => None,
        }
    }

    /// Length of the message, once its head is complete.
    fn find_message_len(&mut self) -> Result<Option<usize>, FramingError> {
        let Some(head_len) = self.find_head_len() else {
            if self.buffer.len() > self.max_message_bytes {
                return Err(FramingError::MessageTooLarge);
            }
            return Ok(None);
        };
        if head_len > self.max_message_bytes {
            return Err(FramingError::MessageTooLarge);
        }
        let body_len = content_length(&self.buffer[..head_len])? as usize;
        if body_len > self.max_message_bytes - head_len {
            return Err(FramingError::MessageTooLarge);
        }
        Ok(Some(head_len + body_len))
    }

    /// Length of the head with its empty line, going on where the last look ended.
    fn find_head_len(&mut self) -> Option<usize> {
        let mut pos = self.scanned;
        while let Some(at) = memchr::memchr(b'\n', &self.buffer[pos..]) {
            let next = pos + at + 1;
            match self.buffer[next..] {
                [b'\r', b'\n', ..] => return Some(next + 2),
                [b'\n', ..] => return Some(next + 1),
                // The line after this line end is not there yet: look at it again.
                [] | [b'\r'] => {
                    self.scanned = pos + at;
                    return None;
                }
                _ => pos = next,
            }
        }
        self.scanned = self.buffer.len();
        None
    }
}

/// The one Content-Length of a complete head.
fn content_length(head: &[u8]) -> Result<u32, FramingError> {
    let mut found = None;
    let mut start = 0;
    for feed in memchr::memchr_iter(b'\n', head) {
        let line = &head[start..feed];
        start = feed + 1;
        if !matches!(line.first(), Some(b'l' | b'L' | b'c' | b'C')) {
            continue;
        }
        let name_end = chars::skip(line, 0, chars::TOKEN);
        if HeaderName::from_bytes(&line[..name_end]) != HeaderName::ContentLength {
            continue;
        }
        let Some(value) = value_after_colon(head, start - 1 - line.len() + name_end) else {
            continue;
        };
        let length = chars::decimal(value, u32::MAX).ok_or(FramingError::MalformedContentLength)?;
        if found.replace(length).is_some() {
            return Err(FramingError::RepeatedContentLength);
        }
    }
    found.ok_or(FramingError::MissingContentLength)
}

/// The value of the line, with its folds, whose name ends at `name_end`; `None` without a colon.
fn value_after_colon(head: &[u8], name_end: usize) -> Option<&[u8]> {
    let colon = chars::skip(head, name_end, chars::SPACE);
    if head.get(colon) != Some(&b':') {
        return None;
    }
    let start = colon + 1;
    let mut end = start;
    loop {
        end += memchr::memchr(b'\n', &head[end..])? + 1;
        if !matches!(head.get(end), Some(b' ' | b'\t')) {
            return Some(chars::trim(&head[start..end]));
        }
    }
}
