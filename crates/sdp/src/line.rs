//! Lines and fields as ranges of the body.

use std::ops::Range;

use crate::{Limits, SdpError};

/// One line: `x=value`, without and with its line end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Line {
    /// The letter in front of the equals sign.
    pub(crate) kind: u8,
    /// The value behind the equals sign.
    pub(crate) value: Range<usize>,
    /// The whole line with its line end.
    pub(crate) whole: Range<usize>,
    /// Its number, from 1.
    pub(crate) number: usize,
}

/// Finds the lines. CRLF, LF and CR end a line; empty lines may follow the last one only.
pub(crate) fn lines(text: &[u8], limits: &Limits) -> Result<Vec<Line>, SdpError> {
    let mut lines = Vec::new();
    let mut at = 0;
    let mut empty_at = None;
    let mut number = 0;
    while at < text.len() {
        number += 1;
        if number > limits.max_lines {
            return Err(SdpError::TooManyLines { line: number });
        }
        let length = text[at..].iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        let end = length.map_or(text.len(), |length| at + length);
        let next = match text.get(end..) {
            Some([b'\r', b'\n', ..]) => end + 2,
            Some([_, ..]) => end + 1,
            Some([]) | None => end,
        };
        if end == at {
            empty_at.get_or_insert(number);
        } else if let Some(line) = empty_at {
            return Err(SdpError::NotALine { line });
        } else {
            lines.push(line(text, at..end, next, number)?);
        }
        at = next;
    }
    Ok(lines)
}

fn line(text: &[u8], range: Range<usize>, next: usize, number: usize) -> Result<Line, SdpError> {
    match text[range.clone()] {
        [kind, b'=', ..] if kind.is_ascii_alphabetic() => {
            Ok(Line { kind, value: range.start + 2..range.end, whole: range.start..next, number })
        }
        _ => Err(SdpError::NotALine { line: number }),
    }
}

/// The fields of a value, divided by spaces or tabs, as ranges of the body.
pub(crate) fn fields(text: &[u8], value: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut at = value.start;
    std::iter::from_fn(move || {
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let rest = text.get(at..value.end)?;
        let start = at + rest.iter().position(|byte| !blank(byte))?;
        let rest = text.get(start..value.end)?;
        let end = rest.iter().position(blank).map_or(value.end, |length| start + length);
        at = end;
        Some(start..end)
    })
}

/// A number of decimal digits only.
pub(crate) fn number<N: std::str::FromStr>(digits: &[u8]) -> Option<N> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}
