//! The half of a medium that faces one party: two ports, and what is known about the party.

use offhook_engine::UnixTime;
use offhook_ng_protocol::{AddressFamily, Counters};
use offhook_sdp::Direction;

use crate::source::{Signal, Source};

/// Two local UDP ports: RTP on an even one and RTCP on the next (RFC 3550 section 11).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PortPair {
    /// Whether the ports are of IPv6.
    pub ipv6: bool,
    /// The port of RTP.
    pub rtp: u16,
}

impl PortPair {
    /// The port of RTCP.
    #[must_use]
    pub const fn rtcp(self) -> u16 {
        self.rtp.saturating_add(1)
    }

    /// The family of the ports.
    #[must_use]
    pub const fn family(self) -> AddressFamily {
        if self.ipv6 { AddressFamily::Ip6 } else { AddressFamily::Ip4 }
    }
}

/// One direction of RTP or RTCP: from a party to the relay.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flow {
    pub(crate) source: Source,
    pub(crate) counters: Counters,
    pub(crate) last_packet: Option<UnixTime>,
}

/// The half of a medium that faces one party.
#[derive(Clone, Debug)]
pub(crate) struct Leg {
    pub(crate) pair: PortPair,
    /// RTCP to the party goes to its RTP port.
    pub(crate) mux: bool,
    /// What the party last said about who sends.
    pub(crate) direction: Direction,
    pub(crate) rtp: Flow,
    pub(crate) rtcp: Flow,
}

impl Leg {
    pub(crate) fn new(pair: PortPair) -> Self {
        Self {
            pair,
            mux: false,
            direction: Direction::default(),
            rtp: Flow::default(),
            rtcp: Flow::default(),
        }
    }

    /// Takes what an offer or answer of the party says about its ports.
    pub(crate) fn signal(&mut self, rtp: Signal, rtcp: Signal) {
        self.rtp.source.signal(rtp);
        self.rtcp.source.signal(rtcp);
    }

    /// Whether media to the party are on hold.
    pub(crate) fn held(&self) -> bool {
        !self.direction.receives()
            || (self.rtp.source.signalled() && self.rtp.source.remote().is_none())
    }
}
