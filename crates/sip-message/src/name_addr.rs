//! `name-addr` and `addr-spec`: From, To, Contact, Route and their kin.

use std::borrow::Cow;

use crate::{HeaderName, Params, ParseError, Uri, chars, uri};

/// An address with an optional display name and header parameters (RFC 3261 section 20.10).
///
/// Without angle brackets the parameters belong to the header and never to the URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// The display name without its quotes; the escapes of a quoted one stay.
    pub display_name: Option<&'a [u8]>,
    /// The URI.
    pub uri: Uri<'a>,
    /// The header parameters.
    pub params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// Reads one whole value.
    ///
    /// # Errors
    /// [`ParseError::MalformedAddress`], also when a comma begins a second value.
    pub fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        parse(value).ok_or(ParseError::MalformedAddress)
    }

    /// The display name with the escapes of a quoted string resolved.
    #[must_use]
    pub fn display_text(&self) -> Option<Cow<'a, [u8]>> {
        self.display_name.map(chars::unescape_quoted)
    }

    /// The `tag` parameter (RFC 3261 section 19.3).
    #[must_use]
    pub fn tag(&self) -> Option<&'a [u8]> {
        self.params.value("tag")
    }

    /// The `q` parameter in thousandths; `None` if absent or not from 0 to 1 with at most three
    /// decimals.
    #[must_use]
    pub fn q(&self) -> Option<u16> {
        q_thousandths(self.params.value("q")?)
    }

    /// The `expires` parameter in seconds. A value that is no number, or too large a one, is `None`
    /// (RFC 3261 section 10.3 has such a value treated as the default).
    #[must_use]
    pub fn expires(&self) -> Option<u32> {
        chars::decimal(self.params.value("expires")?, u32::MAX)
    }
}

/// A value of Contact: an address, or `*` in a REGISTER that removes all bindings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact<'a> {
    /// `*` (RFC 3261 section 10.2.2).
    Star,
    /// An address.
    Addr(NameAddr<'a>),
}

impl<'a> Contact<'a> {
    /// Reads one whole value.
    ///
    /// # Errors
    /// [`ParseError::MalformedHeader`] with Contact.
    pub fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        if chars::trim(value) == b"*" {
            return Ok(Self::Star);
        }
        parse(value).map(Self::Addr).ok_or(ParseError::MalformedHeader(HeaderName::Contact))
    }

    /// The address, unless the value is `*`.
    #[must_use]
    pub fn addr(&self) -> Option<&NameAddr<'a>> {
        match self {
            Self::Star => None,
            Self::Addr(addr) => Some(addr),
        }
    }
}

#[inline]
pub(crate) fn parse(value: &[u8]) -> Option<NameAddr<'_>> {
    let value = chars::trim(value);
    let (display_name, open) = match value.first()? {
        b'<' => (None, 0),
        b'"' => {
            let end = chars::quoted_end(value, 0)?;
            (Some(&value[1..end - 1]), chars::skip(value, end, chars::SPACE))
        }
        _ => {
            // The scheme of a bare URI is made of such characters too: what stops them decides.
            let stop = chars::skip(value, 0, chars::DISPLAY);
            match value.get(stop)? {
                b'<' => (Some(chars::trim_end(&value[..stop])), stop),
                b':' => return addr_spec(value),
                _ => return None,
            }
        }
    };
    if value.get(open) != Some(&b'<') {
        return None;
    }
    let uri = uri::parse::prefix(&value[open + 1..])?;
    let close = open + 1 + uri.raw().len();
    if value.get(close) != Some(&b'>') {
        return None;
    }
    let params = Params::parse(&value[close + 1..])?;
    Some(NameAddr { display_name, uri, params })
}

/// A URI without angle brackets, which may hold no comma, semicolon or question mark.
fn addr_spec(value: &[u8]) -> Option<NameAddr<'_>> {
    let end = memchr::memchr3(b';', b' ', b'\t', value).unwrap_or(value.len());
    let raw = chars::trim_end(&value[..end]);
    if memchr::memchr2(b'?', b',', raw).is_some() {
        return None;
    }
    let uri = Uri::parse(raw).ok()?;
    let params = Params::parse(&value[end..])?;
    Some(NameAddr { display_name: None, uri, params })
}

/// `qvalue` in thousandths (RFC 3261 section 25.1).
pub(crate) fn q_thousandths(value: &[u8]) -> Option<u16> {
    let (whole, decimals) = match memchr::memchr(b'.', value) {
        Some(at) => (&value[..at], &value[at + 1..]),
        None => (value, &b""[..]),
    };
    let mut thousandths = match whole {
        b"0" => 0,
        b"1" => 1000,
        _ => return None,
    };
    if decimals.len() > 3 {
        return None;
    }
    let mut weight = 100;
    for b in decimals {
        if !b.is_ascii_digit() {
            return None;
        }
        thousandths += u16::from(b - b'0') * weight;
        weight /= 10;
    }
    (thousandths <= 1000).then_some(thousandths)
}

#[cfg(test)]
mod tests {
    use super::{Contact, NameAddr, q_thousandths};

    #[test]
    fn forms() {
        for (text, display, uri, tag) in [
            ("sip:a@x.example;tag=1", None, "sip:a@x.example", Some("1")),
            ("sip:a@x.example ; tag = 1", None, "sip:a@x.example", Some("1")),
            ("<sip:a@x.example;lr>;TAG=1", None, "sip:a@x.example;lr", Some("1")),
            ("<sip:a@x.example>", None, "sip:a@x.example", None),
            ("Bob <sip:a@x.example>", Some("Bob"), "sip:a@x.example", None),
            ("Bob van Bo<sip:a@x.example>", Some("Bob van Bo"), "sip:a@x.example", None),
            ("J\u{f8}rn <sip:a@x.example>", Some("J\u{f8}rn"), "sip:a@x.example", None),
            (
                "\"<B\\\", o>b;\"\r\n <sip:a@x.example>;x=\"<\"",
                Some("<B\\\", o>b;"),
                "sip:a@x.example",
                None,
            ),
            ("\"\" <tel:+1-2;ext=3>;tag=x", Some(""), "tel:+1-2;ext=3", Some("x")),
            ("<urn:service:sos>", None, "urn:service:sos", None),
        ] {
            let addr = NameAddr::parse(text.as_bytes()).unwrap_or_else(|_| panic!("{text}"));
            assert_eq!(addr.display_name, display.map(str::as_bytes), "{text}");
            assert_eq!(addr.uri.raw(), uri.as_bytes(), "{text}");
            assert_eq!(addr.tag(), tag.map(str::as_bytes), "{text}");
        }
        let addr = NameAddr::parse(b"\"a\\\"b\" <sip:x>").unwrap();
        assert_eq!(addr.display_text().unwrap().as_ref(), b"a\"b");
    }

    #[test]
    fn refused() {
        for text in [
            "",
            "Bob",
            "<>",
            "<sip:a@x.example",
            "sip:a@x.example>",
            "< sip:a@x.example>",
            "<sip:a@x.example >",
            "\"Bob <sip:a@x.example>",
            "\"Bob\" sip:a@x.example",
            "Bell, A <sip:a@x.example>",
            "sip:a@x.example?a=b",
            "sip:a@x.example, sip:b@x.example",
            "<sip:a@x.example>, <sip:b@x.example>",
            "<sip:a@x.example>;",
            "<sip:a@x.example>tag=1",
            "<sip:a@x.example>;tag=",
            "*",
            "a@b <sip:a@x.example>",
        ] {
            assert!(NameAddr::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn contacts() {
        assert_eq!(Contact::parse(b" * "), Ok(Contact::Star));
        let contact = Contact::parse(b"<sip:a@x.example>;q=0.25;expires=60").unwrap();
        let addr = contact.addr().unwrap();
        assert_eq!((addr.q(), addr.expires()), (Some(250), Some(60)));
        assert!(Contact::parse(b"*;q=1").is_err());
        let wild = NameAddr::parse(b"<sip:a@x.example>;expires=4294967296;q=2").unwrap();
        assert_eq!((wild.q(), wild.expires()), (None, None));
    }

    #[test]
    fn q_values() {
        for (text, q) in [
            ("0", Some(0)),
            ("1", Some(1000)),
            ("0.5", Some(500)),
            ("0.", Some(0)),
            ("1.000", Some(1000)),
            ("0.001", Some(1)),
            ("1.001", None),
            ("0.1234", None),
            ("", None),
            (".5", None),
            ("2", None),
            ("0.x", None),
            ("-0", None),
        ] {
            assert_eq!(q_thousandths(text.as_bytes()), q, "{text}");
        }
    }
}
