//! Warning (RFC 3261 section 20.43).

use std::borrow::Cow;

use crate::{HeaderName, ParseError, chars};

/// A code, who says it, and a text for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WarningValue<'a> {
    /// Three digits.
    pub code: u16,
    /// A host, with or without a port, or a pseudonym.
    pub agent: &'a [u8],
    /// The text without its quotes; its escapes stay.
    pub raw_text: &'a [u8],
}

impl<'a> WarningValue<'a> {
    /// Reads one whole value.
    ///
    /// # Errors
    /// [`ParseError::MalformedHeader`] with Warning.
    pub fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        parse(value).ok_or(ParseError::MalformedHeader(HeaderName::Warning))
    }

    /// The text with its escapes resolved.
    #[must_use]
    pub fn text(&self) -> Cow<'a, [u8]> {
        chars::unescape_quoted(self.raw_text)
    }
}

fn parse(value: &[u8]) -> Option<WarningValue<'_>> {
    let value = chars::trim(value);
    let code = u16::try_from(chars::decimal(value.get(..3)?, 999)?).ok()?;
    let agent_start = chars::skip(value, 3, chars::SPACE);
    let agent_end = chars::skip(value, agent_start, chars::VALUE);
    let quote = chars::skip(value, agent_end, chars::SPACE);
    if agent_start == 3 || agent_end == agent_start || quote == agent_end {
        return None;
    }
    if value.get(quote) != Some(&b'"') || chars::quoted_end(value, quote)? != value.len() {
        return None;
    }
    let (agent, raw_text) = (&value[agent_start..agent_end], &value[quote + 1..value.len() - 1]);
    Some(WarningValue { code, agent, raw_text })
}

#[cfg(test)]
mod tests {
    use super::WarningValue;

    #[test]
    fn parts() {
        let warning = WarningValue::parse(b"370 [::1]:5060 \"too \\\"big\\\", really\"").unwrap();
        assert_eq!((warning.code, warning.agent), (370, &b"[::1]:5060"[..]));
        assert_eq!(warning.text().as_ref(), b"too \"big\", really");
        for bad in
            ["", "37 a \"x\"", "370a \"x\"", "370 a", "370 a x", "370 a\"x\"", "370 a \"x\" y"]
        {
            assert!(WarningValue::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
