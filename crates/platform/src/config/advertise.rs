//! Which address other parties are told.

use std::fmt;
use std::net::IpAddr;

use super::value::{Mismatch, Setting, Shape, Value};

/// The address to write into messages, or how to find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Advertise {
    /// Found from the listener and the routes of the machine (see [`crate::address::advertised`]).
    Auto,
    /// This one, such as the public address of a router in front.
    Address(IpAddr),
}

impl fmt::Display for Advertise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

impl Setting for Advertise {
    const SHAPE: Shape = Shape::Text;
    const EXPECTED: &'static str = "\"auto\" or an IP address, such as \"203.0.113.7\"";

    fn read(value: &Value) -> Result<Self, Mismatch> {
        let text = value.text().ok_or_else(Mismatch::wrong_type)?;
        if text == "auto" {
            return Ok(Self::Auto);
        }
        match text.parse::<IpAddr>() {
            Ok(ip) if ip.is_unspecified() => {
                Err(Mismatch::because(format!("nobody can send to {ip}"))
                    .suggest(Some("auto".to_owned())))
            }
            Ok(ip) => Ok(Self::Address(ip)),
            Err(_) => {
                let addr =
                    text.parse::<std::net::SocketAddr>().ok().map(|addr| addr.ip().to_string());
                let word = crate::suggest::nearest(&text, ["auto"].into_iter()).map(str::to_owned);
                Err(Mismatch::because(format!("`{text}` is not an IP address"))
                    .suggest(addr.or(word)))
            }
        }
    }

    fn write(&self) -> toml::Value {
        toml::Value::String(self.to_string())
    }
}
