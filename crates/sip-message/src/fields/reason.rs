//! Reason (RFC 3326).

use std::borrow::Cow;

use crate::{HeaderName, Params, ParseError, chars};

/// Why a request was sent or a response given.
#[derive(Clone, Copy, Debug)]
pub struct ReasonValue<'a> {
    /// `SIP`, `Q.850` or another protocol.
    pub protocol: &'a [u8],
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> ReasonValue<'a> {
    /// Reads one whole value.
    ///
    /// # Errors
    /// [`ParseError::MalformedHeader`] with Reason.
    pub fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        let malformed = ParseError::MalformedHeader(HeaderName::Reason);
        let value = chars::trim(value);
        let end = chars::skip(value, 0, chars::TOKEN);
        if end == 0 {
            return Err(malformed);
        }
        let params = Params::parse(&value[end..]).ok_or(malformed)?;
        Ok(Self { protocol: &value[..end], params })
    }

    /// The `cause` parameter: a status code or a code of the protocol.
    #[must_use]
    pub fn cause(&self) -> Option<u32> {
        chars::decimal(self.params.value("cause")?, u32::MAX)
    }

    /// The `text` parameter with its escapes resolved.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'a, [u8]>> {
        self.params.text("text").map(chars::unescape_quoted)
    }
}

#[cfg(test)]
mod tests {
    use super::ReasonValue;

    #[test]
    fn cause_and_text() {
        let reason = ReasonValue::parse(b"Q.850 ;cause=16 ;text=\"All \\\"done\\\"\"").unwrap();
        assert_eq!((reason.protocol, reason.cause()), (&b"Q.850"[..], Some(16)));
        assert_eq!(reason.text().unwrap().as_ref(), b"All \"done\"");
        assert!(ReasonValue::parse(b"").is_err());
        assert!(ReasonValue::parse(b"SIP cause=1").is_err());
    }
}
