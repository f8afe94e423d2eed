//! The programs that share this configuration, and where their defaults differ.

use std::net::SocketAddr;

use super::Config;
use super::relay::{MediaRelay, RelayAddress};

/// One of the platform's binaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Program {
    /// Everything in one process.
    Offhook,
    /// The proxy and registrar.
    Proxy,
    /// The media relay.
    Media,
}

/// The port of the ng control protocol.
const NG_PORT: u16 = 2223;

impl Program {
    /// The name of the binary.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Offhook => "offhook",
            Self::Proxy => "offhook-proxy",
            Self::Media => "offhook-media",
        }
    }

    /// The name of the control socket within the data directory. The relay has one of its own, so that
    /// it can share the directory of a proxy.
    #[must_use]
    pub const fn control_socket(self) -> &'static str {
        match self {
            Self::Offhook | Self::Proxy => "control.sock",
            Self::Media => "media-control.sock",
        }
    }

    /// True if the program opens the listeners of `[sip]`.
    #[must_use]
    pub const fn has_sip(self) -> bool {
        match self {
            Self::Offhook | Self::Proxy => true,
            Self::Media => false,
        }
    }

    /// True if the program opens RTP ports under `config`.
    #[must_use]
    pub fn has_relay(self, config: &Config) -> bool {
        match self {
            Self::Offhook => config.media.relay == MediaRelay::Internal,
            Self::Proxy => false,
            Self::Media => true,
        }
    }

    pub(super) const fn is_all_in_one(self) -> bool {
        matches!(self, Self::Offhook)
    }

    /// Changes the defaults to those of this program: a relay on its own is there to be controlled, and
    /// a proxy on its own looks for one on the same machine.
    pub(super) fn adjust_defaults(self, config: &mut Config) {
        match self {
            Self::Offhook => {}
            Self::Proxy => {
                let address = RelayAddress { host: "127.0.0.1".to_owned(), port: NG_PORT };
                config.media.relay = MediaRelay::Ng(address);
            }
            Self::Media => {
                config.media.listen_ng = Some(SocketAddr::from(([127, 0, 0, 1], NG_PORT)));
            }
        }
    }
}
