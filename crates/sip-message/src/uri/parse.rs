//! The grammar of URIs.

use super::{Scheme, Uri};
use crate::{Host, Params, chars, host};

/// Reads a whole URI.
#[inline]
pub(super) fn uri(raw: &[u8]) -> Option<Uri<'_>> {
    let colon = memchr::memchr(b':', raw.get(..raw.len().min(MAX_SCHEME_BYTES))?)?;
    let rest = &raw[colon + 1..];
    let scheme = &raw[..colon];
    if scheme.eq_ignore_ascii_case(b"sip") {
        sip(raw, rest, Scheme::Sip)
    } else if scheme.eq_ignore_ascii_case(b"sips") {
        sip(raw, rest, Scheme::Sips)
    } else if scheme.eq_ignore_ascii_case(b"tel") {
        tel(raw, rest)
    } else {
        other(raw, scheme, rest)
    }
}

/// Longer schemes than this are not in use.
const MAX_SCHEME_BYTES: usize = 32;

#[inline]
fn sip<'a>(raw: &'a [u8], rest: &'a [u8], scheme: Scheme) -> Option<Uri<'a>> {
    // An `@` is escaped everywhere but before the host, so the first one ends the user part.
    let (user, password, rest) = match memchr::memchr(b'@', rest) {
        Some(at) => {
            let (user, password) = userinfo(&rest[..at])?;
            (Some(user), password, &rest[at + 1..])
        }
        None => (None, None, rest),
    };
    let host_end = host::host_end(rest)?;
    let host = Host::parse(&rest[..host_end])?;
    let mut pos = host_end;
    let mut port = None;
    if rest.get(pos) == Some(&b':') {
        let end = pos + 1 + rest[pos + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
        port = Some(host::parse_port(&rest[pos + 1..end])?);
        pos = end;
    }
    let tail = &rest[pos..];
    let (params, headers) = match memchr::memchr(b'?', tail) {
        Some(at) => (&tail[..at], Some(headers(&tail[at + 1..])?)),
        None => (tail, None),
    };
    let params = Params::parse_uri(params)?;
    Some(Uri { raw, scheme, user, password, host, port, params, headers })
}

#[inline]
fn userinfo(bytes: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let user_end = chars::skip(bytes, 0, chars::USER);
    let (user, password) = if user_end == bytes.len() {
        (bytes, None)
    } else {
        match memchr::memchr(b':', bytes) {
            Some(at) => (&bytes[..at], Some(&bytes[at + 1..])),
            None => (bytes, None),
        }
    };
    if user.is_empty()
        || !chars::all_or_escaped(&user[user_end.min(user.len())..], chars::USER)
        || !password.is_none_or(|password| chars::all_or_escaped(password, chars::PASSWORD))
    {
        return None;
    }
    Some((user, password))
}

/// `hname=hvalue` joined by `&`; a name is never empty, a value may be.
fn headers(bytes: &[u8]) -> Option<&[u8]> {
    for pair in bytes.split(|&b| b == b'&') {
        let at = memchr::memchr(b'=', pair)?;
        if at == 0
            || !chars::all_or_escaped(&pair[..at], chars::URI_HEADER)
            || !chars::all_or_escaped(&pair[at + 1..], chars::URI_HEADER)
        {
            return None;
        }
    }
    Some(bytes)
}

/// `tel:` (RFC 3966 section 3). A local number without a phone-context is taken, since short numbers
/// are sent so everywhere.
fn tel<'a>(raw: &'a [u8], rest: &'a [u8]) -> Option<Uri<'a>> {
    let end = memchr::memchr(b';', rest).unwrap_or(rest.len());
    let number = &rest[..end];
    let (digits, is_global) = match number {
        [b'+', digits @ ..] => (digits, true),
        _ => (number, false),
    };
    let is_digit = |b: &u8| {
        if is_global {
            b.is_ascii_digit()
        } else {
            b.is_ascii_hexdigit() || matches!(b, b'*' | b'#')
        }
    };
    if !digits.iter().any(is_digit) || !digits.iter().all(|b| is_digit(b) || is_separator(*b)) {
        return None;
    }
    let params = Params::parse_uri(&rest[end..])?;
    Some(Uri {
        raw,
        scheme: Scheme::Tel,
        user: Some(number),
        password: None,
        host: Host::Name(b""),
        port: None,
        params,
        headers: None,
    })
}

/// A visual separator of a telephone number (RFC 3966 section 5.1.1).
#[inline]
pub(super) fn is_separator(byte: u8) -> bool {
    matches!(byte, b'-' | b'.' | b'(' | b')')
}

fn other<'a>(raw: &'a [u8], scheme: &[u8], rest: &[u8]) -> Option<Uri<'a>> {
    let (first, tail) = scheme.split_first()?;
    let tail_is_valid =
        tail.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    if !first.is_ascii_alphabetic()
        || !tail_is_valid
        || rest.is_empty()
        || !chars::all(rest, chars::OPAQUE)
    {
        return None;
    }
    Some(Uri {
        raw,
        scheme: Scheme::Other,
        user: None,
        password: None,
        host: Host::Name(b""),
        port: None,
        params: Params::EMPTY,
        headers: None,
    })
}

#[cfg(test)]
mod tests {
    use crate::{Host, Scheme, Uri};

    #[test]
    fn parts() {
        let uri =
            Uri::parse(b"SIPS:a%3Bb;x?/$:p%40w@Example.com:5061;transport=TCP;lr?Subject=a%20b&X=")
                .unwrap();
        assert_eq!(uri.scheme, Scheme::Sips);
        assert_eq!(uri.user, Some(&b"a%3Bb;x?/$"[..]));
        assert_eq!(uri.user_unescaped().unwrap().as_ref(), b"a;b;x?/$");
        assert_eq!(uri.password, Some(&b"p%40w"[..]));
        assert_eq!(uri.host, Host::Name(b"example.com"));
        assert_eq!(uri.port, Some(5061));
        assert!(uri.is_loose_router());
        assert_eq!(uri.transport(), Some(crate::Transport::Tcp));
        assert_eq!(
            uri.header_pairs().collect::<Vec<_>>(),
            [(&b"Subject"[..], &b"a%20b"[..]), (b"X", b"")]
        );
    }

    #[test]
    fn accepted() {
        for text in [
            "sip:example.com",
            "sip:192.0.2.1:5060",
            "sip:[2001:db8::1]:5060;lr",
            "sip:*21#@example.com",
            "sip:+1-555-123;phone-context=x@example.com;user=phone",
            "sip:a:@example.com",
            "sip:%00@example.com",
            "tel:+1-201-555-0123",
            "tel:7042;phone-context=example.com",
            "tel:*21#",
            "urn:service:sos",
            "http://example.com/a?b",
            "a+b-c.d:x",
        ] {
            let uri = Uri::parse(text.as_bytes()).unwrap_or_else(|_| panic!("{text}"));
            assert_eq!(uri.raw(), text.as_bytes());
        }
    }

    #[test]
    fn refused() {
        for text in [
            "",
            "sip",
            "sip:",
            ":",
            "sip:@example.com",
            "sip:a@",
            "sip:a b@example.com",
            "sip:a@example.com ",
            " sip:a@example.com",
            "sip:a@b@example.com",
            "sip:a@example.com:",
            "sip:a@example.com:65536",
            "sip:a@example.com:5x",
            "sip:a%4@example.com",
            "sip:a%zz@example.com",
            "sip:a@example.com;",
            "sip:a@example.com;=x",
            "sip:a@example.com?",
            "sip:a@example.com?x",
            "sip:a@example.com?=y",
            "sip:a\"@b",
            "<sip:a@example.com>",
            "sip:<a@example.com",
            "sip:a@[::1",
            "sip:a@[::1]x",
            "sip:a@1.2.3",
            "sip:\u{e9}@example.com",
            "sip://a@example.com:x",
            "tel:",
            "tel:+",
            "tel:-",
            "tel:+1x",
            "tel:1 2",
            "1x:y",
            "a_b:c",
            "http:",
            "x:\r\n",
        ] {
            assert!(Uri::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
