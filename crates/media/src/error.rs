//! Why a command fails.

use offhook_ng_protocol::Reply;
use offhook_sdp::SdpError;
use thiserror::Error;

/// Why a command fails. The texts are sent to the SIP server as `error-reason`.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum RelayError {
    /// The body is not SDP.
    #[error("Failed to parse SDP: {0}")]
    Sdp(#[from] SdpError),
    /// There is no session with this Call-ID and these tags.
    #[error("Unknown call-ID")]
    UnknownCall,
    /// The SDP has more media than [`crate::RelayConfig::max_media`].
    #[error("Too many media in the SDP")]
    TooManyMedia,
    /// There are [`crate::RelayConfig::max_sessions`] sessions.
    #[error("Parallel session limit reached")]
    TooManySessions,
    /// The relay takes no new calls.
    #[error("The relay is shutting down")]
    Draining,
    /// The relay has no address to write into the SDP.
    #[error("No address configured")]
    NoAddress,
    /// The ports that came with the command are too few: the call has changed in the meantime.
    #[error("Not enough ports for the call")]
    PortsMissing,
}

impl RelayError {
    /// What the SIP server is told.
    #[must_use]
    pub fn reply(self) -> Reply {
        match self {
            Self::TooManySessions | Self::Draining => {
                Reply::LoadLimit { message: self.to_string() }
            }
            Self::Sdp(_)
            | Self::UnknownCall
            | Self::TooManyMedia
            | Self::NoAddress
            | Self::PortsMissing => Reply::error(self.to_string()),
        }
    }
}
