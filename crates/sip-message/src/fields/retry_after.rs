//! Retry-After (RFC 3261 section 20.33).

use crate::{HeaderName, Params, ParseError, chars};

/// When to try again.
#[derive(Clone, Copy, Debug)]
pub struct RetryAfter<'a> {
    /// Seconds to wait.
    pub delay_s: u32,
    /// The comment without its outer parentheses.
    pub comment: Option<&'a [u8]>,
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> RetryAfter<'a> {
    /// Reads a whole value.
    ///
    /// # Errors
    /// [`ParseError::MalformedHeader`] with Retry-After.
    pub fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        parse(value).ok_or(ParseError::MalformedHeader(HeaderName::RetryAfter))
    }

    /// The `duration` parameter in seconds.
    #[must_use]
    pub fn duration_s(&self) -> Option<u32> {
        chars::decimal(self.params.value("duration")?, u32::MAX)
    }
}

fn parse(value: &[u8]) -> Option<RetryAfter<'_>> {
    let value = chars::trim(value);
    let digits = chars::digits(value, 0);
    let delay_s = chars::decimal(&value[..digits], u32::MAX)?;
    let rest = &value[chars::skip(value, digits, chars::SPACE)..];
    let (comment, rest) = match rest.first() {
        Some(b'(') => {
            let end = comment_end(rest)?;
            (Some(&rest[1..end - 1]), &rest[end..])
        }
        Some(_) | None => (None, rest),
    };
    Some(RetryAfter { delay_s, comment, params: Params::parse(rest)? })
}

/// Position after the parenthesis that closes the first one; comments nest.
fn comment_end(bytes: &[u8]) -> Option<usize> {
    let mut depth = 0usize;
    let mut pos = 0;
    while let Some(b) = bytes.get(pos) {
        match b {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b'\\' => pos += 1,
            _ => {}
        }
        pos += 1;
        if depth == 0 {
            return Some(pos);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::RetryAfter;

    #[test]
    fn parts() {
        let retry = RetryAfter::parse(b"120 (in (a \\) while)) ;duration=3600").unwrap();
        assert_eq!(retry.delay_s, 120);
        assert_eq!(retry.comment, Some(&b"in (a \\) while)"[..]));
        assert_eq!(retry.duration_s(), Some(3600));
        assert_eq!(RetryAfter::parse(b"5").unwrap().comment, None);
        for bad in ["", "x", "-1", "5 (x", "5 x", "4294967296", "5 (x\\"] {
            assert!(RetryAfter::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
