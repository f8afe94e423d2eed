//! The replies of the relay, as types.

use std::net::SocketAddr;

use bytes::Bytes;

/// What the relay answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reply {
    /// To a ping.
    Pong,
    /// Done.
    Ok {
        /// Something worth knowing that was no error.
        warning: Option<String>,
    },
    /// To an offer or answer: the SDP to send on.
    Sdp {
        /// The SDP body.
        sdp: Bytes,
        /// Something worth knowing that was no error.
        warning: Option<String>,
    },
    /// To a query, or to a delete that asked for it.
    Report {
        /// The state and the counters of the call.
        report: Box<Report>,
        /// Something worth knowing that was no error.
        warning: Option<String>,
    },
    /// To a list.
    Calls(Vec<Bytes>),
    /// The relay is full or draining: the SIP server should take another one.
    LoadLimit {
        /// Which limit was met.
        message: String,
    },
    /// The command failed.
    Error {
        /// Why, for people.
        reason: String,
    },
}

impl Reply {
    /// A reply without anything to say.
    #[must_use]
    pub const fn ok() -> Self {
        Self::Ok { warning: None }
    }

    /// A failure.
    #[must_use]
    pub fn error(reason: impl Into<String>) -> Self {
        Self::Error { reason: reason.into() }
    }

    /// Whether the command was carried out.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        match self {
            Self::Pong | Self::Ok { .. } | Self::Sdp { .. } | Self::Report { .. } => true,
            Self::Calls(_) => true,
            Self::LoadLimit { .. } | Self::Error { .. } => false,
        }
    }

    /// The rewritten SDP, where the reply has one.
    #[must_use]
    pub const fn sdp(&self) -> Option<&Bytes> {
        match self {
            Self::Sdp { sdp, .. } => Some(sdp),
            Self::Pong
            | Self::Ok { .. }
            | Self::Report { .. }
            | Self::Calls(_)
            | Self::LoadLimit { .. }
            | Self::Error { .. } => None,
        }
    }

    /// The warning, where the reply has one.
    #[must_use]
    pub fn warning(&self) -> Option<&str> {
        match self {
            Self::Ok { warning } | Self::Sdp { warning, .. } | Self::Report { warning, .. } => {
                warning.as_deref()
            }
            Self::Pong | Self::Calls(_) | Self::LoadLimit { .. } | Self::Error { .. } => None,
        }
    }
}

/// The state of a call.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// When the call came up, in seconds since 1970.
    pub created_s: u64,
    /// When the last offer or answer came, in seconds since 1970.
    pub last_signal_s: u64,
    /// The parties.
    pub tags: Vec<TagReport>,
    /// The counters of all streams together.
    pub totals: Totals,
}

/// The sums over the streams of a call.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Totals {
    /// All RTP.
    pub rtp: Counters,
    /// All RTCP.
    pub rtcp: Counters,
}

/// Counters of packets received from a party.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counters {
    /// Packets received and passed on.
    pub packets: u64,
    /// Their bytes, UDP payload only.
    pub bytes: u64,
    /// Packets dropped: of a stranger, malformed, or not sendable.
    pub errors: u64,
}

impl Counters {
    /// Adds another set of counters to this one.
    pub const fn add(&mut self, other: Self) {
        self.packets = self.packets.saturating_add(other.packets);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.errors = self.errors.saturating_add(other.errors);
    }
}

/// One party of a call.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TagReport {
    /// Its SIP tag; empty while it has not signalled one.
    pub tag: Bytes,
    /// When the tag was first seen, in seconds since 1970.
    pub created_s: u64,
    /// The tag of the other party.
    pub in_dialogue_with: Option<Bytes>,
    /// Its media, in the order of the SDP.
    pub medias: Vec<MediaReport>,
}

/// One medium of one party.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MediaReport {
    /// The place in the SDP, from 1.
    pub index: u64,
    /// `audio`, `video`, ...
    pub kind: Bytes,
    /// `RTP/AVP`, ...
    pub protocol: Bytes,
    /// `initialized`, `rtcp-mux`.
    pub flags: Vec<String>,
    /// RTP, then RTCP.
    pub streams: Vec<StreamReport>,
}

/// One flow of packets from one party.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StreamReport {
    /// The relay's port that faces the party.
    pub local_port: Option<u16>,
    /// Where packets to the party go.
    pub endpoint: Option<SocketAddr>,
    /// What its SDP said.
    pub advertised_endpoint: Option<SocketAddr>,
    /// When it last sent a packet, in seconds since 1970; 0 for never.
    pub last_packet_s: u64,
    /// `RTP` or `RTCP`, `filled`, `confirmed`.
    pub flags: Vec<String>,
    /// What it sent.
    pub stats: Counters,
}
