//! Via (RFC 3261 section 20.42, RFC 3581).

use std::net::IpAddr;

use crate::{HeaderName, Host, HostPort, Params, ParseError, Transport, chars, host};

/// One hop of the way a request has taken.
#[derive(Clone, Copy, Debug)]
pub struct Via<'a> {
    /// The transport, if it is one that this code knows.
    pub transport: Option<Transport>,
    /// The transport as written.
    pub transport_token: &'a [u8],
    /// Host of sent-by.
    pub host: Host<'a>,
    /// Port of sent-by, if one is written.
    pub port: Option<u16>,
    /// The parameters.
    pub params: Params<'a>,
    is_sip_2_0: bool,
}

impl<'a> Via<'a> {
    /// What branches of RFC 3261 begin with (section 8.1.1.7).
    pub const MAGIC_COOKIE: &'static [u8] = b"z9hG4bK";

    /// A Via of no transport and no parameters.
    pub(crate) const fn new(sent_by: HostPort<'a>) -> Self {
        Self {
            transport: None,
            transport_token: b"",
            host: sent_by.host,
            port: sent_by.port,
            params: Params::EMPTY,
            is_sip_2_0: true,
        }
    }

    /// Reads one whole value.
    ///
    /// # Errors
    /// [`ParseError::MalformedHeader`] with Via.
    pub fn parse(value: &'a [u8]) -> Result<Self, ParseError> {
        parse(value).ok_or(ParseError::MalformedHeader(HeaderName::Via))
    }

    /// Whether sent-protocol is `SIP/2.0`.
    #[must_use]
    pub fn is_sip_2_0(&self) -> bool {
        self.is_sip_2_0
    }

    /// sent-by.
    #[must_use]
    pub fn sent_by(&self) -> HostPort<'a> {
        HostPort { host: self.host, port: self.port }
    }

    /// The `branch` parameter.
    #[must_use]
    pub fn branch(&self) -> Option<&'a [u8]> {
        self.params.value("branch")
    }

    /// The `received` parameter, an IPv6 address with or without brackets (RFC 5118 section 4.5).
    #[must_use]
    pub fn received(&self) -> Option<IpAddr> {
        let value = self.params.value("received")?;
        match Host::parse(value) {
            Some(host) => host.ip(),
            None => host::parse_v6(value).map(IpAddr::V6),
        }
    }

    /// The `rport` parameter: `None` if absent, `Some(None)` where one is asked for (RFC 3581
    /// section 3). A value that is no port counts as asking.
    #[must_use]
    pub fn rport(&self) -> Option<Option<u16>> {
        self.params.get("rport").map(|value| value.and_then(host::parse_port))
    }

    /// The `maddr` parameter.
    #[must_use]
    pub fn maddr(&self) -> Option<Host<'a>> {
        Host::parse(self.params.value("maddr")?)
    }

    /// The `ttl` parameter.
    #[must_use]
    pub fn ttl(&self) -> Option<u8> {
        let ttl = chars::decimal(self.params.value("ttl")?, u32::from(u8::MAX))?;
        u8::try_from(ttl).ok()
    }
}

#[inline]
pub(crate) fn parse(value: &[u8]) -> Option<Via<'_>> {
    let value = chars::trim(value);
    let (is_sip_2_0, transport_start) = match value.strip_prefix(b"SIP/2.0/") {
        Some(_) => (true, 8),
        None => sent_protocol(value)?,
    };
    let transport_end = chars::skip(value, transport_start, chars::TOKEN);
    let host_start = chars::skip(value, transport_end, chars::SPACE);
    let transport_token = &value[transport_start..transport_end];
    if transport_token.is_empty() || host_start == transport_end {
        return None;
    }
    let (host, host_end) = host::prefix(value, host_start)?;
    let mut pos = chars::skip(value, host_end, chars::SPACE);
    let mut port = None;
    if value.get(pos) == Some(&b':') {
        let start = chars::skip(value, pos + 1, chars::SPACE);
        pos = start + chars::digits(value, start);
        port = Some(host::parse_port(&value[start..pos])?);
    }
    let params = Params::parse(&value[pos..])?;
    let transport = Transport::from_token(transport_token);
    Some(Via { transport, transport_token, host, port, params, is_sip_2_0 })
}

/// The protocol with white space around its slashes: whether it is SIP/2.0, and where the transport
/// begins.
fn sent_protocol(value: &[u8]) -> Option<(bool, usize)> {
    let (protocol, pos) = token_and_slash(value, 0)?;
    let (version, pos) = token_and_slash(value, pos)?;
    Some((protocol.eq_ignore_ascii_case(b"SIP") && version == b"2.0", pos))
}

fn token_and_slash(value: &[u8], start: usize) -> Option<(&[u8], usize)> {
    let end = chars::skip(value, start, chars::TOKEN);
    let slash = chars::skip(value, end, chars::SPACE);
    if end == start || value.get(slash) != Some(&b'/') {
        return None;
    }
    Some((&value[start..end], chars::skip(value, slash + 1, chars::SPACE)))
}

#[cfg(test)]
mod tests {
    use super::Via;
    use crate::{Host, Transport};

    #[test]
    fn parts() {
        let via = Via::parse(
            b"sip / 2.0\t/\r\n tcp  [2001:db8::1] : 5080 ; branch=z9hG4bKx;rport ;received=192.0.2.9;maddr=m.example;ttl=3",
        )
        .unwrap();
        assert!(via.is_sip_2_0());
        assert_eq!(via.transport, Some(Transport::Tcp));
        assert_eq!(via.transport_token, b"tcp");
        assert_eq!(via.host, Host::parse(b"[2001:db8::1]").unwrap());
        assert_eq!(via.port, Some(5080));
        assert_eq!(via.branch(), Some(&b"z9hG4bKx"[..]));
        assert_eq!(via.rport(), Some(None));
        assert_eq!(via.received(), Some([192, 0, 2, 9].into()));
        assert_eq!(via.maddr(), Some(Host::Name(b"m.example")));
        assert_eq!(via.ttl(), Some(3));
    }

    #[test]
    fn variants() {
        let via = Via::parse(b"SIP/2.0/DCCP h;rport=5062;received=2001:db8::1").unwrap();
        assert_eq!((via.transport, via.transport_token), (None, &b"DCCP"[..]));
        assert_eq!(via.rport(), Some(Some(5062)));
        assert_eq!(via.received(), Some("2001:db8::1".parse().unwrap()));
        let bracketed = Via::parse(b"SIP/2.0/UDP h;received=[2001:db8::1]").unwrap();
        assert_eq!(bracketed.received(), via.received());
        assert!(!Via::parse(b"SIP/7.0/UDP h").unwrap().is_sip_2_0());
    }

    #[test]
    fn refused() {
        for text in [
            "",
            "SIP/2.0",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ",
            "SIP/2.0UDP h",
            "SIP/2.0/ h",
            "/2.0/UDP h",
            "SIP/2.0/UDP h:",
            "SIP/2.0/UDP h:x",
            "SIP/2.0/UDP h:65536",
            "SIP/2.0/UDP h;",
            "SIP/2.0/UDP h branch=x",
            "SIP/2.0/UDP h, SIP/2.0/UDP i",
            "SIP/2.0/UDP ::1",
            "SIP/2.0/UDP [::1",
            "SIP/2.0/UDPh",
        ] {
            assert!(Via::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
