//! Timestamp (RFC 3261 section 20.38).

use crate::{HeaderName, ParseError, chars};

/// When a request was sent, by the clock of its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp<'a> {
    /// The sender's time as written, a decimal number.
    pub time: &'a [u8],
    /// The delay in seconds before the response was sent, as written.
    pub delay: Option<&'a [u8]>,
}

impl<'a> Timestamp<'a> {
    /// Reads a whole value.
    ///
    /// # Errors
    /// [`ParseError::MalformedHeader`] with Timestamp.
    pub fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        let value = chars::trim(value);
        let end = value.iter().take_while(|&&b| !chars::is(b, chars::SPACE)).count();
        let (time, rest) = (&value[..end], chars::trim(&value[end..]));
        let delay = (!rest.is_empty()).then_some(rest);
        // The delay may lack its whole part, the time may not.
        let begins_with_digit = time.first().is_some_and(u8::is_ascii_digit);
        if !begins_with_digit || !is_decimal(time) || !delay.is_none_or(is_decimal) {
            return Err(ParseError::MalformedHeader(HeaderName::Timestamp));
        }
        Ok(Self { time, delay })
    }
}

fn is_decimal(bytes: &[u8]) -> bool {
    let dots = bytes.iter().filter(|&&b| b == b'.').count();
    dots <= 1 && bytes.iter().all(|b| b.is_ascii_digit() || *b == b'.')
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn time_and_delay() {
        let stamp = Timestamp::parse(b"54.21 .5").unwrap();
        assert_eq!((stamp.time, stamp.delay), (&b"54.21"[..], Some(&b".5"[..])));
        assert_eq!(Timestamp::parse(b"54").unwrap().delay, None);
        for bad in ["", ".5", "1.2.3", "x", "1 x", "1 2 3"] {
            assert!(Timestamp::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
