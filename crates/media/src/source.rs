//! From where a party sends, and where packets to it go.
//!
//! A party behind a NAT does not know its own address, so the one in its SDP may be wrong. After
//! each offer or answer there is a short window in which packets may correct it; then the address
//! is settled, and a packet from any other one is refused.
//!
//! ```text
//!            signal                 fits the SDP, or the window is over
//!  Unknown ---------> Learning ---------------------------------------> Settled
//!                        ^                                                 |
//!                        +------ signal with another address, or after ----+
//!                                silence
//! ```

use std::{net::SocketAddr, time::Duration};

use offhook_engine::Instant;
use offhook_ng_protocol::Learning;

/// How long the best candidate of a window must be silent before one that fits no better takes its
/// place: a few packet times, so that two senders at once do not alternate.
const CANDIDATE_SILENCE: Duration = Duration::from_millis(200);

/// What an offer or answer says about a party.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signal {
    /// Where the party wants packets; `None` if the SDP names no address that can be used.
    pub(crate) advertised: Option<SocketAddr>,
    /// The party wants no packets (zero address, RFC 3264 section 8.4).
    pub(crate) held: bool,
    /// How its address is learnt.
    pub(crate) learning: Learning,
    /// Packets to the party follow the address from which it sends.
    pub(crate) symmetric: bool,
    /// A new address may take over at any time.
    pub(crate) handover: bool,
    /// This is another party than before.
    pub(crate) replaced: bool,
    /// When it was said.
    pub(crate) now: Instant,
    /// How long packets may correct the address from then on.
    pub(crate) window: Duration,
}

/// The address of one party for one flow of packets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    advertised: Option<SocketAddr>,
    /// For RTCP: where it should be, judging by what was learnt about RTP.
    predicted: Option<SocketAddr>,
    remote: Option<SocketAddr>,
    held: bool,
    asymmetric: bool,
    handover: bool,
    last_packet: Option<Instant>,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum State {
    /// The party has not signalled yet. Its packets are let through (early media); nothing is learnt.
    #[default]
    Unknown,
    /// Packets may still correct the address.
    Learning { how: Learning, until: Instant, best: Option<Candidate> },
    /// Only this address may send.
    Settled(SocketAddr),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Candidate {
    fit: Fit,
    address: SocketAddr,
    last_packet: Instant,
}

/// How well a source fits the SDP, best first (rtpengine's order).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Fit {
    Exact,
    SameAddress,
    SamePort,
    Other,
}

impl Source {
    /// Takes what an offer or answer of the party says.
    pub(crate) fn signal(&mut self, signal: Signal) {
        self.held = signal.held;
        self.asymmetric = !signal.symmetric;
        self.handover = signal.handover;
        // After a long silence, as on hold, the NAT may have moved the party.
        let silent = self.last_packet.is_none_or(|last| signal.now - last > signal.window);
        let moved = signal.advertised.is_some() && signal.advertised != self.advertised;
        if moved || signal.replaced || self.state == State::Unknown {
            self.advertised = signal.advertised;
            self.remote = signal.advertised;
            self.predicted = None;
        } else if !silent {
            return;
        }
        self.state = match (signal.learning, self.advertised) {
            (Learning::Off, Some(address)) => State::Settled(address),
            (how, _) => State::Learning { how, until: signal.now + signal.window, best: None },
        };
    }

    /// Prolongs a window that is open or in which nothing came: the other party has signalled, so
    /// packets are to be expected from here on only.
    pub(crate) fn expect_until(&mut self, end: Instant) {
        if let State::Learning { until, .. } = &mut self.state {
            *until = end.max(*until);
        }
    }

    /// Judges a packet: whether its source may send. A packet that is no evidence of the address
    /// (`evidence` false) is judged without being learnt from.
    pub(crate) fn admit(&mut self, from: SocketAddr, evidence: bool, now: Instant) -> bool {
        let admitted = match self.state {
            State::Unknown => true,
            State::Settled(settled) => settled == from || self.take_over(from, evidence),
            State::Learning { how, until, best } if evidence => {
                self.learn(from, how, until, best, now)
            }
            State::Learning { best, .. } => best.is_none_or(|best| best.address.ip() == from.ip()),
        };
        if admitted {
            self.last_packet = Some(now);
        }
        admitted
    }

    /// Where packets to the party go; `None` while that is unknown or the party wants none.
    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        self.remote.filter(|_| !self.held)
    }

    /// What the SDP said.
    pub(crate) const fn advertised(&self) -> Option<SocketAddr> {
        self.advertised
    }

    /// Whether the address is settled.
    pub(crate) const fn settled(&self) -> bool {
        matches!(self.state, State::Settled(_))
    }

    /// Whether the party has signalled.
    pub(crate) const fn signalled(&self) -> bool {
        !matches!(self.state, State::Unknown)
    }

    /// For RTCP on its own port: expects it beside the address that was learnt for RTP, until
    /// packets show where it is.
    pub(crate) fn follow(&mut self, rtp: &Self) {
        let State::Learning { best: None, .. } = self.state else { return };
        let (Some(said), Some(learnt), Some(own)) = (rtp.advertised, rtp.remote, self.advertised)
        else {
            return;
        };
        if said == learnt || self.asymmetric {
            return;
        }
        let beside = said.port().checked_add(1) == Some(own.port());
        let port = if beside { learnt.port().saturating_add(1) } else { own.port() };
        let predicted = SocketAddr::new(learnt.ip(), port);
        self.predicted = Some(predicted);
        self.remote = Some(predicted);
    }

    fn learn(
        &mut self,
        from: SocketAddr,
        how: Learning,
        until: Instant,
        best: Option<Candidate>,
        now: Instant,
    ) -> bool {
        let fit = if how == Learning::Heuristic { self.fit(from) } else { Fit::Other };
        if fit == Fit::Exact || how == Learning::Immediate {
            return self.settle(from);
        }
        if now >= until {
            let address = best.map_or(from, |best| best.address);
            self.settle(address);
            return address == from;
        }
        let better = best.is_none_or(|best| {
            best.address == from
                || fit < best.fit
                || (fit == best.fit && now - best.last_packet > CANDIDATE_SILENCE)
        });
        if better {
            let best = Some(Candidate { fit, address: from, last_packet: now });
            self.state = State::Learning { how, until, best };
            self.point_to(from);
        }
        better
    }

    fn settle(&mut self, address: SocketAddr) -> bool {
        self.state = State::Settled(address);
        self.point_to(address);
        true
    }

    fn take_over(&mut self, from: SocketAddr, evidence: bool) -> bool {
        self.handover && evidence && self.settle(from)
    }

    fn point_to(&mut self, address: SocketAddr) {
        if !self.asymmetric {
            self.remote = Some(address);
        }
    }

    fn fit(&self, from: SocketAddr) -> Fit {
        let known = [self.advertised, self.predicted];
        let any = |fits: &dyn Fn(SocketAddr) -> bool| known.into_iter().flatten().any(fits);
        if any(&|known| known == from) {
            Fit::Exact
        } else if any(&|known| known.ip() == from.ip()) {
            Fit::SameAddress
        } else if any(&|known| known.port() == from.port()) {
            Fit::SamePort
        } else {
            Fit::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(3);

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("address")
    }

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    fn signal(advertised: &str, ms: u64) -> Signal {
        Signal {
            advertised: Some(address(advertised)),
            held: false,
            learning: Learning::Heuristic,
            symmetric: true,
            handover: false,
            replaced: false,
            now: at(ms),
            window: WINDOW,
        }
    }

    fn signalled(advertised: &str) -> Source {
        let mut source = Source::default();
        source.signal(signal(advertised, 0));
        source
    }

    /// Plays packets `(ms, from, admitted)` and checks where packets to the party go at the end.
    fn play(source: &mut Source, packets: &[(u64, &str, bool)], remote: &str) {
        for &(ms, from, admitted) in packets {
            assert_eq!(source.admit(address(from), true, at(ms)), admitted, "{from} at {ms} ms");
        }
        assert_eq!(source.remote(), Some(address(remote)));
    }

    #[test]
    fn the_address_of_the_sdp_settles_at_once() {
        let mut source = signalled("10.0.0.1:4000");
        let packets = [(0, "10.0.0.1:4000", true), (1, "10.0.0.2:4000", false)];
        play(&mut source, &packets, "10.0.0.1:4000");
    }

    #[test]
    fn a_phone_behind_a_nat_is_learnt() {
        let mut source = signalled("192.168.1.2:4000");
        let packets = [
            (100, "203.0.113.9:61000", true),
            (120, "203.0.113.9:61000", true),
            (3_100, "203.0.113.9:61000", true),
            (3_101, "198.51.100.1:4000", false),
        ];
        play(&mut source, &packets, "203.0.113.9:61000");
        assert!(source.settled());
    }

    #[test]
    fn the_better_fit_wins_within_the_window() {
        let mut source = signalled("10.0.0.1:4000");
        let packets = [
            (10, "203.0.113.9:61000", true),
            (20, "203.0.113.9:4000", true),
            (30, "203.0.113.9:61000", false),
            (40, "10.0.0.1:5000", true),
            (50, "203.0.113.9:4000", false),
        ];
        play(&mut source, &packets, "10.0.0.1:5000");
    }

    #[test]
    fn an_equal_fit_waits_for_silence() {
        let mut source = signalled("192.168.1.2:4000");
        let packets = [
            (10, "203.0.113.9:61000", true),
            (100, "198.51.100.1:5000", false),
            (400, "198.51.100.1:5000", true),
        ];
        play(&mut source, &packets, "198.51.100.1:5000");
    }

    #[test]
    fn a_late_first_packet_settles() {
        let mut source = signalled("192.168.1.2:4000");
        let packets = [(9_000, "203.0.113.9:6000", true), (9_001, "198.51.100.1:1", false)];
        play(&mut source, &packets, "203.0.113.9:6000");
    }

    #[test]
    fn a_signal_with_the_same_address_keeps_what_is_settled() {
        let mut source = signalled("192.168.1.2:4000");
        let nat = [(10, "203.0.113.9:6000", true), (3_010, "203.0.113.9:6000", true)];
        play(&mut source, &nat, "203.0.113.9:6000");
        source.signal(signal("192.168.1.2:4000", 3_500));
        play(&mut source, &[(3_600, "198.51.100.1:1", false)], "203.0.113.9:6000");
        // The same after a silence: the port at the NAT may be another one.
        source.signal(signal("192.168.1.2:4000", 60_000));
        play(&mut source, &[(60_100, "203.0.113.9:7000", true)], "203.0.113.9:7000");
    }

    #[test]
    fn a_signal_with_another_address_opens_learning() {
        let mut source = signalled("10.0.0.1:4000");
        play(&mut source, &[(10, "10.0.0.1:4000", true)], "10.0.0.1:4000");
        source.signal(signal("10.0.0.9:4000", 20));
        assert_eq!(source.remote(), Some(address("10.0.0.9:4000")));
        play(&mut source, &[(30, "10.0.0.9:4000", true)], "10.0.0.9:4000");
    }

    #[test]
    fn hold_stops_packets_and_keeps_the_address() {
        let mut source = signalled("10.0.0.1:4000");
        play(&mut source, &[(10, "10.0.0.1:4000", true)], "10.0.0.1:4000");
        source.signal(Signal { advertised: None, held: true, ..signal("0.0.0.0:4000", 20) });
        assert_eq!(source.remote(), None);
        source.signal(signal("10.0.0.1:4000", 30));
        play(&mut source, &[(40, "10.0.0.2:4000", false)], "10.0.0.1:4000");
    }

    #[test]
    fn flags_change_the_rules() {
        let mut asymmetric = Source::default();
        asymmetric.signal(Signal { symmetric: false, ..signal("10.0.0.1:4000", 0) });
        let packets = [(10, "10.0.0.1:6000", true), (4_000, "10.0.0.1:6000", true)];
        play(&mut asymmetric, &packets, "10.0.0.1:4000");

        let mut off = Source::default();
        off.signal(Signal { learning: Learning::Off, ..signal("10.0.0.1:4000", 0) });
        play(&mut off, &[(10, "10.0.0.1:6000", false)], "10.0.0.1:4000");

        let mut immediate = Source::default();
        immediate.signal(Signal { learning: Learning::Immediate, ..signal("10.0.0.1:4000", 0) });
        let packets = [(10, "10.0.0.9:1", true), (11, "10.0.0.1:4000", false)];
        play(&mut immediate, &packets, "10.0.0.9:1");

        let mut handover = Source::default();
        handover.signal(Signal { handover: true, ..signal("10.0.0.1:4000", 0) });
        let packets = [(10, "10.0.0.1:4000", true), (5_000, "10.0.0.9:1", true)];
        play(&mut handover, &packets, "10.0.0.9:1");
    }

    #[test]
    fn before_the_first_signal_everything_passes_and_nothing_is_learnt() {
        let mut source = Source::default();
        assert!(source.admit(address("10.0.0.1:1"), true, at(0)));
        assert!(source.remote().is_none() && !source.settled());
    }
}
