//! One medium of a session: packets come in at one leg and leave at the other.

use std::net::SocketAddr;

use bytes::Bytes;
use offhook_engine::{Instant, Now};
use offhook_sdp::Protocol;

use crate::{
    leg::{Flow, Leg},
    mux::PendingMux,
    packet::{Kind, classify},
    session::Side,
};

/// Names a local socket: which stream, facing which party, RTP or RTCP.
///
/// The number is small and dense, so that a shell can keep its sockets in a table.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SocketKey(u32);

impl SocketKey {
    pub(crate) fn new(stream: usize, side: Side, rtcp: bool) -> Option<Self> {
        let stream = u32::try_from(stream).ok().filter(|&stream| stream < 1 << 30)?;
        Some(Self(stream << 2 | (side.index() as u32) << 1 | u32::from(rtcp)))
    }

    /// The key with this number; any number may be asked about.
    #[must_use]
    pub const fn from_index(index: u32) -> Self {
        Self(index)
    }

    /// The number.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.0
    }

    /// The key of the RTCP socket beside this RTP socket.
    #[must_use]
    pub const fn rtcp(self) -> Self {
        Self(self.0 | 1)
    }

    /// The key of the RTP socket beside this RTCP socket.
    #[must_use]
    pub const fn rtp(self) -> Self {
        Self(self.0 & !1)
    }

    /// Whether this is an RTCP socket.
    #[must_use]
    pub const fn is_rtcp(self) -> bool {
        self.0 & 1 == 1
    }

    /// The RTP socket that faces the other party.
    const fn opposite(self) -> Self {
        Self((self.0 ^ 2) & !1)
    }

    pub(crate) const fn stream(self) -> usize {
        (self.0 >> 2) as usize
    }

    pub(crate) const fn side(self) -> Side {
        if self.0 & 2 == 0 { Side::Caller } else { Side::Callee }
    }
}

/// Where a packet goes: unchanged, from this socket to this address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Forward {
    /// The socket to send from.
    pub socket: SocketKey,
    /// The party's address.
    pub to: SocketAddr,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Forward(Forward),
    /// Taken note of, with nowhere to go.
    Consumed,
    /// Its source may not send.
    Stranger,
    /// Cut off, or not what belongs on this port.
    Malformed,
}

/// One medium of a session.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) kind: Bytes,
    pub(crate) protocol: Protocol,
    pub(crate) protocol_name: Bytes,
    pub(crate) pending_mux: PendingMux,
    /// Whether the last offer or answer has the medium; it may be refused and come back later.
    pub(crate) active: bool,
    pub(crate) legs: [Leg; 2],
    /// When the last packet of either party came.
    pub(crate) last_packet: Option<Instant>,
}

impl Stream {
    /// Takes a packet that came in at `socket`, which must be one of this stream's.
    pub(crate) fn handle_packet(
        &mut self,
        socket: SocketKey,
        from: SocketAddr,
        packet: &[u8],
        now: Now,
    ) -> Verdict {
        let kind = if self.protocol.is_rtp() { classify(packet) } else { Kind::Opaque };
        let [caller, callee] = &mut self.legs;
        let (near, far) = match socket.side() {
            Side::Caller => (caller, callee),
            Side::Callee => (callee, caller),
        };
        // Some phones send RTCP to the RTP port unasked: that says nothing about where their RTP
        // comes from.
        let evidence = kind != Kind::Rtcp || socket.is_rtcp() || near.mux;
        let known = near.rtp.source.remote();
        let source = if socket.is_rtcp() { &mut near.rtcp.source } else { &mut near.rtp.source };
        let admitted = source.admit(from, evidence, now.mono);
        let is_rtcp = kind == Kind::Rtcp || socket.is_rtcp();
        if !socket.is_rtcp() && near.rtp.source.remote() != known {
            near.rtcp.source.follow(&near.rtp.source);
        }
        let flow = if is_rtcp { &mut near.rtcp } else { &mut near.rtp };
        if !admitted {
            flow.counters.errors += 1;
            return Verdict::Stranger;
        }
        flow.last_packet = Some(now.wall);
        self.last_packet = Some(now.mono);
        match kind {
            Kind::Keepalive => return Verdict::Consumed,
            Kind::Malformed => return malformed(flow),
            Kind::Rtp | Kind::Opaque if socket.is_rtcp() => return malformed(flow),
            Kind::Rtp | Kind::Opaque | Kind::Rtcp => {}
        }
        flow.counters.packets += 1;
        flow.counters.bytes += packet.len() as u64;
        forward(far, socket.opposite(), is_rtcp)
    }
}

fn malformed(flow: &mut Flow) -> Verdict {
    flow.counters.errors += 1;
    Verdict::Malformed
}

/// Picks the socket and the address at the far leg.
fn forward(far: &Leg, rtp: SocketKey, is_rtcp: bool) -> Verdict {
    let (socket, to) = if is_rtcp && !far.mux {
        (rtp.rtcp(), far.rtcp.source.remote())
    } else {
        (rtp, far.rtp.source.remote())
    };
    to.map_or(Verdict::Consumed, |to| Verdict::Forward(Forward { socket, to }))
}
