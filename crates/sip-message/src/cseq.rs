//! CSeq (RFC 3261 section 20.16) and RAck (RFC 3262 section 7.2).

use crate::{HeaderName, Method, ParseError, chars};

/// Sequence numbers are below 2^31 (RFC 3261 section 8.1.1.5).
const MAX_NUMBER: u32 = (1 << 31) - 1;

/// The sequence number and method of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// The sequence number, below 2^31.
    pub number: u32,
    /// The method.
    pub method: Method,
    /// The method as written.
    pub token: &'a [u8],
}

impl<'a> CSeq<'a> {
    /// Reads a whole value.
    ///
    /// # Errors
    /// [`ParseError::MalformedHeader`] with CSeq.
    pub fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        parse(value).ok_or(ParseError::MalformedHeader(HeaderName::CSeq))
    }
}

#[inline]
pub(crate) fn parse(value: &[u8]) -> Option<CSeq<'_>> {
    let value = chars::trim(value);
    let digits = chars::digits(value, 0);
    let number = chars::decimal(&value[..digits], MAX_NUMBER)?;
    let start = chars::skip(value, digits, chars::SPACE);
    let token = &value[start..];
    if start == digits || token.is_empty() || !chars::all(token, chars::TOKEN) {
        return None;
    }
    Some(CSeq { number, method: Method::from_token(token), token })
}

/// What a PRACK acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RAck<'a> {
    /// RSeq of the provisional response.
    pub rseq: u32,
    /// CSeq of the request that it answers.
    pub cseq: CSeq<'a>,
}

impl<'a> RAck<'a> {
    /// Reads a whole value.
    ///
    /// # Errors
    /// [`ParseError::MalformedHeader`] with RAck.
    pub fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        let value = chars::trim(value);
        let digits = chars::digits(value, 0);
        let rest = chars::skip(value, digits, chars::SPACE);
        match (chars::decimal(&value[..digits], u32::MAX), parse(&value[rest..])) {
            (Some(rseq), Some(cseq)) if rest > digits => Ok(Self { rseq, cseq }),
            (None | Some(_), _) => Err(ParseError::MalformedHeader(HeaderName::RAck)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CSeq, RAck};
    use crate::Method;

    #[test]
    fn numbers_and_methods() {
        let cseq = CSeq::parse(b" 0009\t INVITE ").unwrap();
        assert_eq!((cseq.number, cseq.method, cseq.token), (9, Method::Invite, &b"INVITE"[..]));
        assert_eq!(CSeq::parse(b"2147483647 !Do_it*").unwrap().method, Method::Other);
        for bad in [
            "",
            "1",
            "1 ",
            "INVITE",
            "INVITE 1",
            "1INVITE",
            "-1 INVITE",
            "+1 INVITE",
            "2147483648 INVITE",
            "99999999999999999999 INVITE",
            "1 INV ITE",
            "1 INVITE;x",
        ] {
            assert!(CSeq::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn acknowledgements() {
        let rack = RAck::parse(b"776656 1 INVITE").unwrap();
        assert_eq!((rack.rseq, rack.cseq.number, rack.cseq.method), (776_656, 1, Method::Invite));
        for bad in ["", "1 INVITE", "1", "1 2", "x 1 INVITE"] {
            assert!(RAck::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
