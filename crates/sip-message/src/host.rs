//! Hosts and ports as they stand in URIs and in Via.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::chars;

/// A host: a name or an address.
#[derive(Clone, Copy, Debug)]
pub enum Host<'a> {
    /// A domain name as written. Letters, digits, `-`, `.` and (beyond RFC 3261) `_`.
    Name(&'a [u8]),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, written in brackets.
    V6(Ipv6Addr),
}

impl<'a> Host<'a> {
    /// Reads a whole host; `None` if it is not one.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (host, end) = prefix(bytes, 0)?;
        (end == bytes.len()).then_some(host)
    }

    /// The address, if the host is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::V4(ip) => Some(IpAddr::V4(*ip)),
            Self::V6(ip) => Some(IpAddr::V6(*ip)),
        }
    }

    /// The name, if the host is one; never empty in a `sip` or `sips` URI.
    #[must_use]
    pub fn name(&self) -> Option<&'a [u8]> {
        match self {
            Self::Name(name) => Some(name),
            Self::V4(_) | Self::V6(_) => None,
        }
    }
}

/// Names compare without regard to case, addresses by value (RFC 3261 section 19.1.4).
impl PartialEq for Host<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(a), Self::Name(b)) => a.eq_ignore_ascii_case(b),
            (Self::V4(a), Self::V4(b)) => a == b,
            (Self::V6(a), Self::V6(b)) => a == b,
            (Self::Name(_) | Self::V4(_) | Self::V6(_), _) => false,
        }
    }
}

impl Eq for Host<'_> {}

/// Writes names in lower case and IPv6 addresses in brackets.
impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name
                .iter()
                .try_for_each(|b| fmt::Write::write_char(f, char::from(b.to_ascii_lowercase()))),
            Self::V4(ip) => ip.fmt(f),
            Self::V6(ip) => write!(f, "[{ip}]"),
        }
    }
}

/// `host [":" port]`, such as Via's sent-by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostPort<'a> {
    /// The host.
    pub host: Host<'a>,
    /// The port, if one is written.
    pub port: Option<u16>,
}

impl<'a> HostPort<'a> {
    /// Reads a whole `host [":" port]`; `None` if it is not one.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (host, host_end) = prefix(bytes, 0)?;
        let port = match &bytes[host_end..] {
            [] => None,
            [b':', digits @ ..] => Some(parse_port(digits)?),
            _ => return None,
        };
        Some(Self { host, port })
    }
}

/// The host that begins at `start`, and where it ends.
///
/// Labels are not empty and neither begin nor end with a hyphen; one final dot is allowed. A name
/// whose last label is a number can only be an address: no domain ends so.
#[inline]
pub(crate) fn prefix(bytes: &[u8], start: usize) -> Option<(Host<'_>, usize)> {
    const MAX_NAME_BYTES: usize = 255;
    let mut last_label = start;
    let mut label = start;
    let mut end = start;
    loop {
        end = chars::skip_run(bytes, end, chars::LABEL);
        match bytes.get(end) {
            Some(b'-') if end > label => end += 1,
            Some(b'.') if end > label && bytes[end - 1] != b'-' => {
                end += 1;
                last_label = label;
                label = end;
            }
            Some(b'-' | b'.') => return None,
            Some(_) | None => break,
        }
    }
    if end == start {
        return bracketed(bytes, start);
    }
    if end > label {
        last_label = label;
    }
    if bytes[end - 1] == b'-' || end - start > MAX_NAME_BYTES {
        return None;
    }
    let name = &bytes[start..end];
    let is_number = |label: &[u8]| label.iter().all(|b| b.is_ascii_digit() || *b == b'.');
    let host = if is_number(&bytes[last_label..end]) {
        Host::V4(parse_v4(name)?)
    } else {
        Host::Name(name)
    };
    Some((host, end))
}

/// An IPv6 address in brackets that begins at `start`, and where it ends.
fn bracketed(bytes: &[u8], start: usize) -> Option<(Host<'_>, usize)> {
    let [b'[', inner @ ..] = bytes.get(start..)? else { return None };
    let len = memchr::memchr(b']', inner)?;
    Some((Host::V6(parse_v6(&inner[..len])?), start + len + 2))
}

/// A port in decimal, `None` outside 0 to 65535.
#[inline]
pub(crate) fn parse_port(digits: &[u8]) -> Option<u16> {
    chars::decimal(digits, u32::from(u16::MAX)).and_then(|port| u16::try_from(port).ok())
}

/// An IPv6 address without brackets.
pub(crate) fn parse_v6(bytes: &[u8]) -> Option<Ipv6Addr> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

#[inline]
fn parse_v4(bytes: &[u8]) -> Option<Ipv4Addr> {
    let mut octets = [0u8; 4];
    let mut at = 0;
    let mut digits = 0;
    let mut value = 0u16;
    for &b in bytes {
        match b {
            // A leading zero would be octal to some and decimal to others.
            b'0'..=b'9' if digits == 0 || value != 0 => {
                value = value * 10 + u16::from(b - b'0');
                digits += 1;
                if value > 255 {
                    return None;
                }
            }
            b'.' if digits > 0 && at < 3 => {
                octets[at] = value as u8;
                at += 1;
                digits = 0;
                value = 0;
            }
            _ => return None,
        }
    }
    if at != 3 || digits == 0 {
        return None;
    }
    octets[3] = value as u8;
    Some(Ipv4Addr::from(octets))
}

#[cfg(test)]
mod tests {
    use super::{Host, HostPort};

    #[test]
    fn hosts() {
        for good in ["example.com", "a", "a.", "3f2a", "my_host", "x--y.example", "1.example"] {
            assert!(matches!(Host::parse(good.as_bytes()), Some(Host::Name(_))), "{good}");
        }
        for good in ["0.0.0.0", "192.0.2.1", "255.255.255.255"] {
            let Some(Host::V4(ip)) = Host::parse(good.as_bytes()) else { panic!("{good}") };
            assert_eq!(ip.to_string(), good);
        }
        for good in ["[::]", "[2001:db8::1]", "[::ffff:192.0.2.1]"] {
            assert!(matches!(Host::parse(good.as_bytes()), Some(Host::V6(_))), "{good}");
        }
        for bad in [
            "",
            ".",
            "-a",
            "a-",
            "a..b",
            ".a",
            "a.-b",
            "a-.b",
            "1.2.3",
            "1.2.3.4.5",
            "256.1.1.1",
            "01.2.3.4",
            "1.2.3.",
            "12",
            "a b",
            "a%41",
            "[",
            "[]",
            "[1.2.3.4]",
            "[::1",
            "::1",
            "[fe80::1%eth0]",
            "\u{e9}.example",
        ] {
            assert!(Host::parse(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn ports() {
        assert_eq!(HostPort::parse(b"[::1]:5060").unwrap().port, Some(5060));
        assert_eq!(HostPort::parse(b"a.example").unwrap().port, None);
        for bad in ["a:", "a:65536", "a:-1", "a:5060x", ":5060", "a::1"] {
            assert!(HostPort::parse(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn equality_and_text() {
        assert_eq!(Host::parse(b"Example.COM"), Host::parse(b"example.com"));
        assert_eq!(Host::parse(b"[2001:DB8:0::1]"), Host::parse(b"[2001:db8::1]"));
        assert_ne!(Host::parse(b"a"), Host::parse(b"b"));
        assert_eq!(Host::parse(b"ExAmple").unwrap().to_string(), "example");
        assert_eq!(Host::parse(b"[2001:DB8::1]").unwrap().to_string(), "[2001:db8::1]");
    }
}
