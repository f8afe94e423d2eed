//! Transports and flows: by which way a message came or is to go.

use std::fmt;
use std::net::SocketAddr;

/// A transport protocol for SIP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// RFC 3261 section 18.
    Udp,
    /// RFC 3261 section 18.
    Tcp,
    /// RFC 3261 section 26.
    Tls,
    /// WebSocket, RFC 7118.
    Ws,
    /// WebSocket over TLS, RFC 7118.
    Wss,
}

impl Transport {
    /// Recognises a transport as written in Via or in a `transport` parameter, in any case.
    #[must_use]
    #[inline]
    pub fn from_token(token: &[u8]) -> Option<Self> {
        match token {
            [b'U' | b'u', b'D' | b'd', b'P' | b'p'] => Some(Self::Udp),
            [b'T' | b't', b'C' | b'c', b'P' | b'p'] => Some(Self::Tcp),
            [b'T' | b't', b'L' | b'l', b'S' | b's'] => Some(Self::Tls),
            [b'W' | b'w', b'S' | b's'] => Some(Self::Ws),
            [b'W' | b'w', b'S' | b's', b'S' | b's'] => Some(Self::Wss),
            _ => None,
        }
    }

    /// The name as written in Via.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// The name as written in a `transport` parameter of a URI. TLS has none of its own there: a
    /// `sips` URI with `tcp` means it (RFC 3261 section 26.2.2), and WSS is a `sips` URI with `ws`.
    #[must_use]
    pub fn uri_param(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp | Self::Tls => "tcp",
            Self::Ws | Self::Wss => "ws",
        }
    }

    /// Whether the transport itself delivers or reports: everything but UDP.
    #[must_use]
    pub fn is_reliable(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp | Self::Tls | Self::Ws | Self::Wss => true,
        }
    }

    /// Whether the transport encrypts.
    #[must_use]
    pub fn is_secure(self) -> bool {
        match self {
            Self::Tls | Self::Wss => true,
            Self::Udp | Self::Tcp | Self::Ws => false,
        }
    }

    /// The port where none is written (RFC 3261 section 19.1.2, RFC 7118 section 5).
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A connection of the transport layer, unique for the life of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// The two ends between which a message travels (RFC 5626 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The transport.
    pub transport: Transport,
    /// Our address.
    pub local: SocketAddr,
    /// The peer's address.
    pub remote: SocketAddr,
    /// The connection; `None` for UDP, and on a reliable transport for "any connection to `remote`,
    /// or a new one".
    pub connection: Option<ConnectionId>,
}

#[cfg(test)]
mod tests {
    use super::Transport;

    #[test]
    fn names() {
        for transport in
            [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss]
        {
            let name = transport.as_str();
            assert_eq!(Transport::from_token(name.as_bytes()), Some(transport));
            assert_eq!(Transport::from_token(name.to_lowercase().as_bytes()), Some(transport));
        }
        assert_eq!(Transport::from_token(b"SCTP"), None);
    }
}
