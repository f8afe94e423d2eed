//! Where the lines of a message head lie.

use memchr::memchr_iter;
use smallvec::SmallVec;

use crate::{HeaderName, Limits, ParseError, chars};

/// Header lines that an index holds without an allocation.
const INLINE_LINES: usize = 24;

/// The offsets of a message head: its start line, its header lines, its body.
///
/// One pass over the bytes finds line ends, folds and header names; no value is looked into.
/// [`crate::Message::parse`] builds on it; alone it serves where a glance at a header or two is
/// enough.
#[derive(Clone, Debug)]
pub struct Index {
    lines: SmallVec<[Line; INLINE_LINES]>,
    marks: Marks,
    start_line_end: u32,
    head_end: u32,
    body_start: u32,
}

/// One header line, with its folds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    /// Where the raw name begins.
    pub(crate) start: u32,
    /// The value without white space at its ends.
    pub(crate) value_start: u32,
    pub(crate) value_end: u32,
    pub(crate) name_len: u16,
    pub(crate) name: HeaderName,
}

/// Where the headers are that are looked for in every message.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks {
    /// One more than the first line of each, by [`Mark`]; 0 if there is none.
    first: [u16; Mark::COUNT],
    /// A bit for each that occurs again.
    repeated: u8,
}

/// A header that is looked for in every message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Mark {
    Via,
    From,
    To,
    CallId,
    CSeq,
    MaxForwards,
    ContentLength,
}

impl Mark {
    const COUNT: usize = 7;

    #[inline]
    fn of(name: HeaderName) -> Option<Self> {
        const NAMES: [(HeaderName, Mark); Mark::COUNT] = [
            (HeaderName::Via, Mark::Via),
            (HeaderName::From, Mark::From),
            (HeaderName::To, Mark::To),
            (HeaderName::CallId, Mark::CallId),
            (HeaderName::CSeq, Mark::CSeq),
            (HeaderName::MaxForwards, Mark::MaxForwards),
            (HeaderName::ContentLength, Mark::ContentLength),
        ];
        const TABLE: [Option<Mark>; HeaderName::COUNT] = {
            let mut table = [None; HeaderName::COUNT];
            let mut at = 0;
            while at < NAMES.len() {
                table[NAMES[at].0 as usize] = Some(NAMES[at].1);
                at += 1;
            }
            table
        };
        TABLE[name as usize]
    }
}

impl Marks {
    #[inline]
    fn note(&mut self, name: HeaderName, line: usize) {
        let Some(mark) = Mark::of(name) else { return };
        let first = &mut self.first[mark as usize];
        if *first == 0 {
            // Lines beyond the range of the mark are repetitions or too many for any limit in use.
            *first = u16::try_from(line + 1).unwrap_or(0);
        } else {
            self.repeated |= 1 << mark as u8;
        }
    }

    /// The first line of that header.
    #[inline]
    pub(crate) fn line(&self, mark: Mark) -> Option<usize> {
        usize::from(self.first[mark as usize]).checked_sub(1)
    }

    /// Whether the header occurs more than once.
    #[inline]
    pub(crate) fn is_repeated(&self, mark: Mark) -> bool {
        self.repeated & 1 << mark as u8 != 0
    }
}

impl Index {
    /// Indexes the head at the beginning of `bytes`.
    ///
    /// # Errors
    /// When a limit is passed, a line is no header line, a CR or LF stands where it ends no line
    /// (see [`Limits::accept_bare_lf`]), or the empty line is missing (RFC 3261 section 7).
    pub fn scan(bytes: &[u8], limits: &Limits) -> Result<Self, ParseError> {
        if bytes.len() > limits.max_message_bytes || u32::try_from(bytes.len()).is_err() {
            return Err(ParseError::MessageTooLarge);
        }
        let mut feeds = memchr_iter(b'\n', bytes);
        let first = feeds.next().ok_or(ParseError::HeadUnfinished)?;
        let mut crlfs = usize::from(ends_with_cr(bytes, first));
        let mut feed_count = 1;
        let start_line_end = line_end(bytes, 0, first, limits)?;
        let mut lines = SmallVec::new();
        let mut marks = Marks::default();
        let mut start = first + 1;
        let empty_line_len = loop {
            if let Some(len) = empty_line(bytes, start)? {
                break len;
            }
            let (name, name_len, value_from) = name_and_colon(bytes, start)?;
            let mut feed;
            loop {
                feed = feeds.next().ok_or(ParseError::HeadUnfinished)?;
                feed_count += 1;
                crlfs += usize::from(ends_with_cr(bytes, feed));
                if !matches!(bytes.get(feed + 1), Some(b' ' | b'\t')) {
                    break;
                }
            }
            let end = line_end(bytes, start, feed, limits)?;
            if lines.len() == limits.max_headers {
                return Err(ParseError::TooManyHeaders);
            }
            let value_start = value_from + chars::skip(&bytes[value_from..end], 0, chars::SPACE);
            let value_end = value_start + chars::trim_end(&bytes[value_start..end]).len();
            marks.note(name, lines.len());
            lines.push(Line {
                start: offset(start),
                value_start: offset(value_start),
                value_end: offset(value_end),
                name_len,
                name,
            });
            start = feed + 1;
        };
        check_controls(&bytes[..start], crlfs, feed_count, limits)?;
        if empty_line_len == 1 && !limits.accept_bare_lf {
            return Err(ParseError::BareLineFeed);
        }
        Ok(Self {
            lines,
            marks,
            start_line_end: offset(start_line_end),
            head_end: offset(start),
            body_start: offset(start + empty_line_len),
        })
    }

    /// Number of header lines.
    #[must_use]
    pub fn line_count(&self) -> usize {
        self.lines.len()
    }

    /// Value of the first line of that name, given the bytes that were indexed; `None` also for
    /// bytes too short to be those.
    #[must_use]
    pub fn value<'a>(&self, bytes: &'a [u8], name: HeaderName) -> Option<&'a [u8]> {
        let line = self.lines.iter().find(|line| line.name == name)?;
        bytes.get(line.value_start as usize..line.value_end as usize)
    }

    /// Where the body begins.
    #[must_use]
    pub fn body_start(&self) -> usize {
        self.body_start as usize
    }

    pub(crate) fn marks(&self) -> &Marks {
        &self.marks
    }

    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// End of the start line without its line end.
    pub(crate) fn start_line_end(&self) -> usize {
        self.start_line_end as usize
    }

    /// Where the header lines begin.
    pub(crate) fn headers_start(&self) -> usize {
        self.lines.first().map_or(self.head_end, |line| line.start) as usize
    }

    /// Where the header lines end and the empty line begins.
    pub(crate) fn head_end(&self) -> usize {
        self.head_end as usize
    }

    /// End of a line including its line end.
    pub(crate) fn line_end(&self, at: usize) -> usize {
        self.lines.get(at + 1).map_or(self.head_end, |next| next.start) as usize
    }
}

/// `scan` has checked that the message is shorter than 4 GiB.
#[inline]
fn offset(at: usize) -> u32 {
    at as u32
}

#[inline]
fn ends_with_cr(bytes: &[u8], feed: usize) -> bool {
    feed > 0 && bytes[feed - 1] == b'\r'
}

/// End of the line from `start` to the line feed at `feed`, without CR and LF.
#[inline]
fn line_end(bytes: &[u8], start: usize, feed: usize, limits: &Limits) -> Result<usize, ParseError> {
    if feed - start >= limits.max_header_bytes {
        return Err(ParseError::LineTooLong);
    }
    Ok(if feed > start && bytes[feed - 1] == b'\r' { feed - 1 } else { feed })
}

/// Length of the empty line at `start`, if there is one.
#[inline]
fn empty_line(bytes: &[u8], start: usize) -> Result<Option<usize>, ParseError> {
    match bytes.get(start) {
        Some(b'\r') => match bytes.get(start + 1) {
            Some(b'\n') => Ok(Some(2)),
            Some(_) => Err(ParseError::ControlCharacter),
            None => Err(ParseError::HeadUnfinished),
        },
        Some(b'\n') => Ok(Some(1)),
        Some(_) => Ok(None),
        None => Err(ParseError::HeadUnfinished),
    }
}

/// The header name at `start`, its length, and the position after the colon.
#[inline]
fn name_and_colon(bytes: &[u8], start: usize) -> Result<(HeaderName, u16, usize), ParseError> {
    let name_end = chars::skip_run(bytes, start, chars::TOKEN);
    let mut colon = name_end;
    while matches!(bytes.get(colon), Some(b' ' | b'\t')) {
        colon += 1;
    }
    let name_len = u16::try_from(name_end - start).map_err(|_| ParseError::MalformedHeaderLine)?;
    match bytes.get(colon) {
        Some(b':') if name_len > 0 => {
            Ok((HeaderName::from_token(&bytes[start..name_end]), name_len, colon + 1))
        }
        Some(_) => Err(ParseError::MalformedHeaderLine),
        None => Err(ParseError::HeadUnfinished),
    }
}

/// Every CR must belong to a line end, and no NUL may occur.
fn check_controls(
    head: &[u8],
    crlfs: usize,
    feeds: usize,
    limits: &Limits,
) -> Result<(), ParseError> {
    if crlfs != feeds && !limits.accept_bare_lf {
        return Err(ParseError::BareLineFeed);
    }
    if memchr_iter(b'\r', head).count() != crlfs || memchr::memchr(0, head).is_some() {
        return Err(ParseError::ControlCharacter);
    }
    Ok(())
}
