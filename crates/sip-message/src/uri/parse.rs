//! The grammar of URIs.

use super::{Scheme, Uri};
use crate::{Params, chars, host};

/// Reads a whole URI.
#[inline]
pub(super) fn whole(bytes: &[u8]) -> Option<Uri<'_>> {
    let uri = prefix(bytes)?;
    (uri.raw.len() == bytes.len()).then_some(uri)
}

/// Reads the URI at the beginning of `bytes`; it ends at the first byte that cannot belong to it.
#[inline]
pub(crate) fn prefix(bytes: &[u8]) -> Option<Uri<'_>> {
    match bytes {
        [b's' | b'S', b'i' | b'I', b'p' | b'P', b':', ..] => sip(bytes, 4, Scheme::Sip),
        [b's' | b'S', b'i' | b'I', b'p' | b'P', b's' | b'S', b':', ..] => {
            sip(bytes, 5, Scheme::Sips)
        }
        [b't' | b'T', b'e' | b'E', b'l' | b'L', b':', ..] => tel(bytes, 4),
        _ => other(bytes),
    }
}

#[inline]
fn sip(bytes: &[u8], start: usize, scheme: Scheme) -> Option<Uri<'_>> {
    let (UserInfo { user, password }, host_start) = userinfo(bytes, start)?;
    let (host, mut pos) = host::prefix(bytes, host_start)?;
    let mut port = None;
    if bytes.get(pos) == Some(&b':') {
        let end = pos + 1 + chars::digits(bytes, pos + 1);
        port = Some(host::parse_port(&bytes[pos + 1..end])?);
        pos = end;
    }
    let (params, mut pos) = Params::uri_prefix(bytes, pos)?;
    let mut headers = None;
    if bytes.get(pos) == Some(&b'?') {
        let end = headers_end(bytes, pos + 1)?;
        headers = Some(&bytes[pos + 1..end]);
        pos = end;
    }
    Some(Uri { raw: &bytes[..pos], scheme, user, password, host, port, params, headers })
}

/// What stands before the host.
#[derive(Default)]
struct UserInfo<'a> {
    user: Option<&'a [u8]>,
    password: Option<&'a [u8]>,
}

/// User and password, and where the host begins. Nearly every character of host and parameters may
/// stand in a user as well, so what ends the run tells what it was.
#[inline]
fn userinfo(bytes: &[u8], start: usize) -> Option<(UserInfo<'_>, usize)> {
    let end = chars::skip_escaped(bytes, start, chars::USER);
    let (password, at) = match bytes.get(end) {
        Some(b'@') => (None, end),
        Some(b':') => {
            let at = chars::skip_escaped(bytes, end + 1, chars::PASSWORD);
            if bytes.get(at) != Some(&b'@') {
                return Some((UserInfo::default(), start));
            }
            (Some(&bytes[end + 1..at]), at)
        }
        Some(_) | None => return Some((UserInfo::default(), start)),
    };
    let user = Some(&bytes[start..end]);
    (end > start).then_some((UserInfo { user, password }, at + 1))
}

/// End of `hname=hvalue` joined by `&`; a name is never empty, a value may be.
fn headers_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut pos = start;
    for _ in 0..MAX_HEADERS {
        let equals = chars::skip_escaped(bytes, pos, chars::URI_HEADER);
        if equals == pos || bytes.get(equals) != Some(&b'=') {
            return None;
        }
        pos = chars::skip_escaped(bytes, equals + 1, chars::URI_HEADER);
        if bytes.get(pos) != Some(&b'&') {
            return Some(pos);
        }
        pos += 1;
    }
    None
}

/// Comparing two URIs takes the square of this many steps.
const MAX_HEADERS: usize = 64;

/// `tel:` (RFC 3966 section 3). A local number without a phone-context is taken, since short numbers
/// are sent so everywhere.
fn tel(bytes: &[u8], start: usize) -> Option<Uri<'_>> {
    let is_global = bytes.get(start) == Some(&b'+');
    let is_digit = |b: u8| {
        if is_global {
            b.is_ascii_digit()
        } else {
            b.is_ascii_hexdigit() || matches!(b, b'*' | b'#')
        }
    };
    let mut end = start + usize::from(is_global);
    let mut has_digit = false;
    while let Some(&b) = bytes.get(end) {
        if is_digit(b) {
            has_digit = true;
        } else if !is_separator(b) {
            break;
        }
        end += 1;
    }
    if !has_digit {
        return None;
    }
    let (params, raw_end) = Params::uri_prefix(bytes, end)?;
    Some(Uri {
        raw: &bytes[..raw_end],
        scheme: Scheme::Tel,
        user: Some(&bytes[start..end]),
        params,
        ..Uri::NONE
    })
}

/// A visual separator of a telephone number (RFC 3966 section 5.1.1).
#[inline]
pub(super) fn is_separator(byte: u8) -> bool {
    matches!(byte, b'-' | b'.' | b'(' | b')')
}

fn other(bytes: &[u8]) -> Option<Uri<'_>> {
    let is_scheme = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    let colon = bytes.iter().take(MAX_SCHEME_BYTES).take_while(|b| is_scheme(b)).count();
    let end = chars::skip_run(bytes, colon + 1, chars::OPAQUE);
    let begins_with_letter = bytes.first().is_some_and(u8::is_ascii_alphabetic);
    if !begins_with_letter || bytes.get(colon) != Some(&b':') || end == colon + 1 {
        return None;
    }
    Some(Uri { raw: &bytes[..end], ..Uri::NONE })
}

/// Longer schemes than this are not in use.
const MAX_SCHEME_BYTES: usize = 32;

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
