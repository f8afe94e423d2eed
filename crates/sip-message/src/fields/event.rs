//! Event (RFC 6665 section 8.2.1).

use crate::{HeaderName, Params, ParseError, chars};

/// An event package and its parameters.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The package with its templates, such as `presence.winfo`.
    pub package: &'a [u8],
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> Event<'a> {
    /// Reads a whole value.
    ///
    /// # Errors
    /// [`ParseError::MalformedHeader`] with Event.
    pub fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        let malformed = ParseError::MalformedHeader(HeaderName::Event);
        let value = chars::trim(value);
        let end = chars::skip(value, 0, chars::TOKEN);
        if end == 0 {
            return Err(malformed);
        }
        let params = Params::parse(&value[end..]).ok_or(malformed)?;
        Ok(Self { package: &value[..end], params })
    }

    /// The `id` parameter.
    #[must_use]
    pub fn id(&self) -> Option<&'a [u8]> {
        self.params.value("id")
    }
}

#[cfg(test)]
mod tests {
    use super::Event;

    #[test]
    fn package_and_id() {
        let event = Event::parse(b"presence.winfo ;id=7").unwrap();
        assert_eq!((event.package, event.id()), (&b"presence.winfo"[..], Some(&b"7"[..])));
        for bad in ["", ";id=1", "a b", "a;"] {
            assert!(Event::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
