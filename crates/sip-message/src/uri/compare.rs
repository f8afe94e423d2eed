//! When two URIs are the same.

use super::parse::is_separator;
use super::{Scheme, Uri};
use crate::{Param, Params, chars};

/// See [`Uri::equivalent`].
pub(super) fn equivalent(a: &Uri<'_>, b: &Uri<'_>) -> bool {
    match (a.scheme, b.scheme) {
        (Scheme::Sip, Scheme::Sip) | (Scheme::Sips, Scheme::Sips) => sip(a, b),
        (Scheme::Tel, Scheme::Tel) => tel(a, b),
        (Scheme::Other, Scheme::Other) => opaque(a.raw, b.raw),
        (Scheme::Sip | Scheme::Sips | Scheme::Tel | Scheme::Other, _) => false,
    }
}

/// Parameters that must be in both URIs or in neither. RFC 3261 section 19.1.4 names user, ttl,
/// method and maddr in its rules, and shows transport to be one in its examples.
const NEVER_IGNORED: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

fn sip(a: &Uri<'_>, b: &Uri<'_>) -> bool {
    a.host == b.host
        && a.port == b.port
        && options_match(a.user, b.user, Case::Sensitive)
        && options_match(a.password, b.password, Case::Sensitive)
        && shared_params_match(&a.params, &b.params)
        && NEVER_IGNORED.iter().all(|name| a.params.has(name) == b.params.has(name))
        && headers_match(a, b)
}

#[derive(Clone, Copy)]
enum Case {
    Sensitive,
    Insensitive,
}

fn options_match(a: Option<&[u8]>, b: Option<&[u8]>, case: Case) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => text_matches(a, b, case),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// Compares with escapes resolved, except that an escaped reserved character differs from the
/// character itself.
fn text_matches(a: &[u8], b: &[u8], case: Case) -> bool {
    units(a, case).eq(units(b, case))
}

/// The characters of a text; an escaped reserved one is told apart by a ninth bit.
fn units(text: &[u8], case: Case) -> impl Iterator<Item = u16> + '_ {
    const ESCAPED: u16 = 0x100;
    let mut pos = 0;
    std::iter::from_fn(move || {
        let &b = text.get(pos)?;
        let escaped = if b == b'%' { chars::escaped_byte(text, pos) } else { None };
        pos += if escaped.is_some() { 3 } else { 1 };
        let byte = match (escaped.unwrap_or(b), case) {
            (byte, Case::Sensitive) => byte,
            (byte, Case::Insensitive) => byte.to_ascii_lowercase(),
        };
        let mark = if escaped.is_some() && is_reserved(byte) { ESCAPED } else { 0 };
        Some(u16::from(byte) | mark)
    })
}

/// `reserved` of RFC 3261 section 25.1.
fn is_reserved(byte: u8) -> bool {
    matches!(byte, b';' | b'/' | b'?' | b':' | b'@' | b'&' | b'=' | b'+' | b'$' | b',')
}

/// Every parameter that both have must have one value, without regard to case. Where a name occurs
/// twice, against section 19.1.1, the first one counts.
fn shared_params_match(a: &Params<'_>, b: &Params<'_>) -> bool {
    a.iter().all(|param| match (first(a, param.name), first(b, param.name)) {
        (Some(ours), Some(theirs)) => options_match(ours.value, theirs.value, Case::Insensitive),
        (None | Some(_), _) => true,
    })
}

fn first<'a>(params: &Params<'a>, name: &[u8]) -> Option<Param<'a>> {
    params.iter().find(|param| text_matches(name, param.name, Case::Insensitive))
}

/// The headers must be the same in any order.
fn headers_match(a: &Uri<'_>, b: &Uri<'_>) -> bool {
    if a.headers.is_none() && b.headers.is_none() {
        return true;
    }
    let occurs = |uri: &Uri<'_>, (name, value): (&[u8], &[u8])| {
        uri.header_pairs()
            .filter(|(other_name, other_value)| {
                text_matches(name, other_name, Case::Insensitive)
                    && text_matches(value, other_value, Case::Sensitive)
            })
            .count()
    };
    a.header_pairs().count() == b.header_pairs().count()
        && a.header_pairs().all(|pair| occurs(a, pair) == occurs(b, pair))
}

/// RFC 3966 section 4: digits without separators and without regard to case, and the same parameters
/// in any order; numbers inside parameters are compared likewise.
fn tel(a: &Uri<'_>, b: &Uri<'_>) -> bool {
    let numbers_match = match (a.user, b.user) {
        (Some(a), Some(b)) => digits(a).eq(digits(b)),
        (None | Some(_), _) => false,
    };
    numbers_match
        && a.params.iter().count() == b.params.iter().count()
        && a.params.iter().all(|param| tel_count(&a.params, &param) == tel_count(&b.params, &param))
}

/// How often a parameter of that name and value occurs.
fn tel_count(params: &Params<'_>, wanted: &Param<'_>) -> usize {
    let same = |param: &Param<'_>| {
        text_matches(wanted.name, param.name, Case::Insensitive)
            && tel_values_match(wanted.name, wanted.value, param.value)
    };
    params.iter().filter(same).count()
}

fn tel_values_match(name: &[u8], a: Option<&[u8]>, b: Option<&[u8]>) -> bool {
    let is_number = |value: &[u8]| value.first() == Some(&b'+');
    match (a, b) {
        (Some(a), Some(b))
            if name.eq_ignore_ascii_case(b"ext")
                || (name.eq_ignore_ascii_case(b"phone-context")
                    && is_number(a)
                    && is_number(b)) =>
        {
            digits(a).eq(digits(b))
        }
        (None | Some(_), _) => options_match(a, b, Case::Insensitive),
    }
}

/// A telephone number without its visual separators.
pub(super) fn digits(number: &[u8]) -> impl Iterator<Item = u8> + '_ {
    number.iter().filter(|b| !is_separator(**b)).map(u8::to_ascii_lowercase)
}

/// Scheme without regard to case, the rest as it is.
fn opaque(a: &[u8], b: &[u8]) -> bool {
    let colon = |raw: &[u8]| memchr::memchr(b':', raw).unwrap_or(0);
    let (at, other_at) = (colon(a), colon(b));
    a[..at].eq_ignore_ascii_case(&b[..other_at]) && a[at..] == b[other_at..]
}

#[cfg(test)]
mod tests {
    use crate::Uri;

    fn equivalent(a: &str, b: &str) -> bool {
        let (left, right) = (Uri::parse(a.as_bytes()).unwrap(), Uri::parse(b.as_bytes()).unwrap());
        let result = left.equivalent(&right);
        assert_eq!(result, right.equivalent(&left), "{a} {b}: not symmetric");
        result
    }

    #[test]
    fn same() {
        for (a, b) in [
            ("sip:%62ob@home.example;transport=Tcp", "sip:bob@HOME.example;Transport=tcp"),
            ("sip:cleo@home.example", "sip:cleo@home.example;unknown=5"),
            ("sip:cleo@home.example;one=1", "sip:cleo@home.example;two=2"),
            ("sip:cleo@home.example;one;one=1", "sip:cleo@home.example;one;one=2"),
            (
                "sip:home.example;transport=udp;method=INFO?to=sip:b%40x",
                "sip:home.example;method=info;transport=UDP?to=sip:b%40x",
            ),
            (
                "sip:a@home.example?subject=x%20y&priority=low",
                "sip:a@home.example?Priority=low&subject=x%20y",
            ),
            ("sip:a@home.example?q=%31", "sip:a@home.example?q=1"),
            ("sip:a@[2001:DB8::1]", "sip:a@[2001:db8:0:0::1]"),
            (
                "sip:a@home.example;maddr=192.0.2.1;ttl=5;user=phone",
                "sip:a@home.example;user=PHONE;ttl=5;maddr=192.0.2.1",
            ),
            ("sip:a:pw@home.example", "sip:a:p%77@home.example"),
            ("sip:*1#@home.example", "sip:*1%23@home.example"),
            ("tel:+1-201-555-0123", "tel:+12015550123"),
            ("tel:+1(201)555.0123;ext=1-2;isub=a", "TEL:+12015550123;ISUB=A;ext=12"),
            ("tel:7042;phone-context=+1-2", "tel:70-42;phone-context=+12"),
            ("tel:7042;phone-context=Home.example", "tel:7042;phone-context=home.EXAMPLE"),
            ("tel:7aB*#", "tel:7Ab*#"),
            ("URN:service:sos", "urn:service:sos"),
        ] {
            assert!(equivalent(a, b), "{a} {b}");
        }
    }

    #[test]
    fn different() {
        for (a, b) in [
            ("SIP:ALICE@home.example", "sip:alice@home.example"),
            ("sip:alice@home.example", "sips:alice@home.example"),
            ("sip:alice@home.example", "sip:home.example"),
            ("sip:alice@home.example", "sip:alice:@home.example"),
            ("sip:alice:a@home.example", "sip:alice:A@home.example"),
            ("sip:bob@home.example", "sip:bob@home.example:5060"),
            ("sip:bob@home.example", "sip:bob@home.example;transport=udp"),
            ("sip:bob@home.example", "sip:bob@home.example;user=phone"),
            ("sip:bob@home.example", "sip:bob@home.example;ttl=1"),
            ("sip:bob@home.example", "sip:bob@home.example;method=INVITE"),
            ("sip:bob@home.example", "sip:bob@home.example;maddr=home.example"),
            ("sip:bob@home.example;one=1", "sip:bob@home.example;one=2"),
            ("sip:bob@home.example;one", "sip:bob@home.example;one=2"),
            ("sip:bob@home.example:6000;transport=tcp", "sip:bob@home.example"),
            ("sip:cleo@home.example", "sip:cleo@home.example?Subject=x"),
            ("sip:cleo@home.example?a=1&a=1&b=2", "sip:cleo@home.example?a=1&b=2&b=2"),
            ("sip:cleo@home.example?a=x", "sip:cleo@home.example?a=X"),
            ("sip:bob@home.example", "sip:bob@192.0.2.4"),
            ("sip:a%3Bb@home.example", "sip:a;b@home.example"),
            ("sip:a%2fb@home.example", "sip:a/b@home.example"),
            ("tel:+12015550123", "tel:12015550123"),
            ("tel:7042;phone-context=home.example", "tel:7042"),
            ("tel:7042;phone-context=+12", "tel:7042;phone-context=+13"),
            ("tel:+1;ext=1", "tel:+1;ext=2"),
            ("tel:+1;a=1;a=1", "tel:+1;a=1;b=1"),
            ("tel:+1", "sip:+1@home.example"),
            ("urn:service:sos", "urn:service:SOS"),
        ] {
            assert!(!equivalent(a, b), "{a} {b}");
        }
    }
}
