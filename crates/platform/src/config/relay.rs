//! Which media relay carries the calls: `internal` or `udp:HOST:PORT`.

use std::fmt;
use std::str::FromStr;

use super::names::is_host_name;
use super::value::{Mismatch, Setting, Shape, Value};
use crate::suggest;

/// Where the media relay is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MediaRelay {
    /// In this process.
    Internal,
    /// In another process that speaks the ng control protocol over UDP.
    Ng(RelayAddress),
}

/// A host name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RelayAddress {
    /// A name to look up, or an IP address without brackets.
    pub host: String,
    /// The UDP port of the control protocol.
    pub port: u16,
}

impl fmt::Display for RelayAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for MediaRelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Internal => f.write_str("internal"),
            Self::Ng(address) => write!(f, "udp:{address}"),
        }
    }
}

/// Why a text is no [`MediaRelay`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MediaRelayError {
    /// Neither `internal` nor something that begins with `udp:`.
    #[error("`{0}` is neither \"internal\" nor an address that begins with \"udp:\"")]
    Word(String),
    /// What follows `udp:` is no host and port.
    #[error("`{0}` is not a host and a port")]
    Address(String),
}

impl FromStr for MediaRelay {
    type Err = MediaRelayError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "internal" {
            return Ok(Self::Internal);
        }
        let rest =
            text.strip_prefix("udp:").ok_or_else(|| MediaRelayError::Word(text.to_owned()))?;
        host_and_port(rest).map(Self::Ng).ok_or_else(|| MediaRelayError::Address(rest.to_owned()))
    }
}

fn host_and_port(text: &str) -> Option<RelayAddress> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    if let Some(v6) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        v6.parse::<std::net::Ipv6Addr>().ok()?;
        return Some(RelayAddress { host: v6.to_owned(), port });
    }
    is_host_name(host).then(|| RelayAddress { host: host.to_owned(), port })
}

impl Setting for MediaRelay {
    const SHAPE: Shape = Shape::Text;
    const EXPECTED: &'static str =
        "\"internal\", or the control address of a relay such as \"udp:127.0.0.1:2223\"";

    fn read(value: &Value) -> Result<Self, Mismatch> {
        let text = value.text().ok_or_else(Mismatch::wrong_type)?;
        text.parse().map_err(|fault: MediaRelayError| {
            let bare = match text.split_once(':') {
                Some(("udp" | "ng" | "tcp", rest)) => rest,
                Some(_) | None => &text,
            };
            let meant = suggest::nearest(&text, ["internal"].into_iter())
                .map(str::to_owned)
                .or_else(|| {
                    let with_port = host_and_port(bare).or_else(|| {
                        host_and_port(&format!("{bare}:2223")).filter(|_| text.starts_with("udp:"))
                    });
                    with_port.map(|address| Self::Ng(address).to_string())
                });
            Mismatch::because(fault.to_string()).suggest(meant)
        })
    }

    fn write(&self) -> toml::Value {
        toml::Value::String(self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        use MediaRelayError as E;
        let ng = |host: &str, port| Ok(MediaRelay::Ng(RelayAddress { host: host.into(), port }));
        let cases = [
            ("internal", Ok(MediaRelay::Internal)),
            ("udp:127.0.0.1:2223", ng("127.0.0.1", 2223)),
            ("udp:media:2223", ng("media", 2223)),
            ("udp:[::1]:2223", ng("::1", 2223)),
            ("udp:media", Err(E::Address("media".into()))),
            ("udp:media:0", Err(E::Address("media:0".into()))),
            ("udp:me dia:1", Err(E::Address("me dia:1".into()))),
            ("tcp:media:2223", Err(E::Word("tcp:media:2223".into()))),
        ];
        for (text, expected) in cases {
            let got = text.parse::<MediaRelay>();
            assert_eq!(got, expected, "{text}");
            if let Ok(relay) = got {
                assert_eq!(relay.to_string(), text);
            }
        }
    }
}
