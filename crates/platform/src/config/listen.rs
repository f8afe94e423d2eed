//! Where to listen: `udp:127.0.0.1:5070`.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use super::value::{Mismatch, Setting, Shape, Value};

/// The transports that a SIP listener can be opened on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ListenTransport {
    /// Datagrams (RFC 3261 section 18).
    Udp,
    /// Streams framed by Content-Length (RFC 3261 section 18.3).
    Tcp,
}

impl ListenTransport {
    /// The word used in the configuration: `udp` or `tcp`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

impl fmt::Display for ListenTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A transport and the address to bind for it, written `udp:127.0.0.1:5070` or `tcp:[::1]:5060`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenAddress {
    /// The transport to open.
    pub transport: ListenTransport,
    /// The address to bind; a wildcard address stands for every interface.
    pub addr: SocketAddr,
}

impl ListenAddress {
    /// True if two sockets for `self` and `other` cannot both be opened.
    ///
    /// Port 0 asks the system for a free port and so never clashes.
    #[must_use]
    pub fn clashes_with(&self, other: &Self) -> bool {
        self.transport == other.transport && addresses_clash(self.addr, other.addr)
    }
}

/// True if both addresses name the same port on the same or an overlapping interface.
pub(super) fn addresses_clash(a: SocketAddr, b: SocketAddr) -> bool {
    let same_host = a.ip() == b.ip()
        || ((a.ip().is_unspecified() || b.ip().is_unspecified()) && a.is_ipv4() == b.is_ipv4());
    a.port() != 0 && a.port() == b.port() && same_host
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.transport, self.addr)
    }
}

/// Why a text is not a [`ListenAddress`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListenAddressError {
    /// There is no `udp:` or `tcp:` in front.
    #[error("no transport in front of the address")]
    NoTransport,
    /// The word in front of the first colon is no transport for a listener.
    #[error("unknown transport `{0}`")]
    UnknownTransport(String),
    /// What follows the transport is not an address with a port.
    #[error("`{0}` is not an IP address with a port")]
    Address(String),
}

impl FromStr for ListenAddress {
    type Err = ListenAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.parse::<SocketAddr>().is_ok() {
            return Err(ListenAddressError::NoTransport);
        }
        let (word, rest) = text.split_once(':').ok_or(ListenAddressError::NoTransport)?;
        let transport = match word.to_ascii_lowercase().as_str() {
            "udp" => ListenTransport::Udp,
            "tcp" => ListenTransport::Tcp,
            _ => return Err(ListenAddressError::UnknownTransport(word.to_owned())),
        };
        let addr = rest.parse().map_err(|_| ListenAddressError::Address(rest.to_owned()))?;
        Ok(Self { transport, addr })
    }
}

impl Setting for ListenAddress {
    const SHAPE: Shape = Shape::Text;
    const EXPECTED: &'static str =
        "a transport, an IP address and a port, such as \"udp:0.0.0.0:5060\" or \"tcp:[::1]:5060\"";

    fn read(value: &Value) -> Result<Self, Mismatch> {
        let text = value.text().ok_or_else(Mismatch::wrong_type)?;
        text.parse().map_err(|fault: ListenAddressError| {
            let suggestion = match &fault {
                ListenAddressError::NoTransport => Some(format!("udp:{text}")),
                ListenAddressError::UnknownTransport(_) => {
                    let rest = text.split_once(':').map_or("", |(_, rest)| rest);
                    (rest.parse::<SocketAddr>().is_ok()).then(|| format!("udp:{rest}"))
                }
                ListenAddressError::Address(rest) => with_port(rest).map(|rest| {
                    let word = text.split_once(':').map_or("udp", |(word, _)| word);
                    format!("{word}:{rest}")
                }),
            };
            Mismatch::because(fault.to_string()).suggest(suggestion)
        })
    }

    fn write(&self) -> toml::Value {
        toml::Value::String(self.to_string())
    }
}

/// The address that was probably meant when only the port or the brackets are missing.
pub(super) fn with_port(text: &str) -> Option<SocketAddr> {
    use std::net::IpAddr;
    if let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Some(SocketAddr::new(ip, 5060));
    }
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok()?;
    match host {
        "" | "*" => Some(SocketAddr::from(([0, 0, 0, 0], port))),
        "localhost" => Some(SocketAddr::from(([127, 0, 0, 1], port))),
        _ => Some(SocketAddr::new(host.parse().ok()?, port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_prints() {
        for text in ["udp:127.0.0.1:5070", "tcp:0.0.0.0:5060", "udp:[::1]:5060", "tcp:[fe80::1]:0"]
        {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
        }
        assert_eq!(
            "UDP:127.0.0.1:5070".parse::<ListenAddress>().unwrap().to_string(),
            "udp:127.0.0.1:5070"
        );
    }

    #[test]
    fn refuses_with_a_reason() {
        use ListenAddressError as E;
        let cases = [
            ("127.0.0.1:5060", E::NoTransport),
            ("[::1]:5060", E::NoTransport),
            ("5060", E::NoTransport),
            ("sctp:127.0.0.1:5060", E::UnknownTransport("sctp".into())),
            ("udp:127.0.0.1", E::Address("127.0.0.1".into())),
            ("udp:::1:5060", E::Address("::1:5060".into())),
            ("udp:127.0.0.1:99999", E::Address("127.0.0.1:99999".into())),
            ("udp:", E::Address(String::new())),
        ];
        for (text, fault) in cases {
            assert_eq!(text.parse::<ListenAddress>(), Err(fault), "{text}");
        }
    }

    #[test]
    fn clash_is_the_same_port_on_an_overlapping_interface() {
        let cases = [
            ("udp:0.0.0.0:5060", "udp:127.0.0.1:5060", true),
            ("udp:127.0.0.1:5060", "udp:127.0.0.1:5060", true),
            ("udp:127.0.0.1:5060", "tcp:127.0.0.1:5060", false),
            ("udp:127.0.0.1:5060", "udp:127.0.0.2:5060", false),
            ("udp:127.0.0.1:0", "udp:127.0.0.1:0", false),
            ("udp:0.0.0.0:5060", "udp:[::1]:5060", false),
        ];
        for (a, b, clash) in cases {
            let (a, b): (ListenAddress, ListenAddress) = (a.parse().unwrap(), b.parse().unwrap());
            assert_eq!(a.clashes_with(&b), clash, "{a} {b}");
            assert_eq!(b.clashes_with(&a), clash, "{b} {a}");
        }
    }
}
