//! The timer values of RFC 3261 section 17 and which timer is which.

use std::time::Duration;

/// How many times T1 an element waits for a final response or an ACK before it gives up
/// (timers B, F, H and, by RFC 6026, L and M).
const PATIENCE_IN_T1: u32 = 64;

/// How long timer D keeps an INVITE client transaction on an unreliable transport at least.
const TIMER_D_MINIMUM: Duration = Duration::from_secs(32);

/// Doublings after which the back-off no longer grows (2^20 T1 is beyond every give-up timer).
const MAX_DOUBLINGS: u8 = 20;

/// The base values that every transaction timer is computed from (RFC 3261 section 17.1.1.1 and
/// table 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerConfig {
    /// The estimate of the round-trip time. Default 500 ms.
    pub t1: Duration,
    /// The longest interval between retransmissions of non-INVITE requests and of INVITE responses.
    /// Default 4 s.
    pub t2: Duration,
    /// The longest time a message remains in the network. Default 5 s.
    pub t4: Duration,
}

impl Default for TimerConfig {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

/// What a machine needs to know beside its own state: the timer values, and whether the transport
/// delivers reliably (so that nothing needs to be repeated, and nothing repeated needs absorbing).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    config: TimerConfig,
    reliable: bool,
}

impl Timing {
    /// The timing for a transport that does (`reliable`: TCP, TLS, WebSocket) or does not (UDP)
    /// deliver reliably.
    #[must_use]
    pub const fn new(config: TimerConfig, reliable: bool) -> Self {
        Self { config, reliable }
    }

    /// Whether the transport is a reliable one.
    #[must_use]
    pub const fn is_reliable(&self) -> bool {
        self.reliable
    }

    /// Timers B, F, H, L and M: 64*T1.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.config.t1.saturating_mul(PATIENCE_IN_T1)
    }

    /// Timer A after `repeats` retransmissions: T1, doubling without a ceiling.
    pub(crate) fn unbounded_backoff(&self, repeats: u8) -> Duration {
        self.config.t1.saturating_mul(1 << repeats.min(MAX_DOUBLINGS))
    }

    /// Timers E and G after `repeats` retransmissions: T1, doubling up to T2.
    pub(crate) fn bounded_backoff(&self, repeats: u8) -> Duration {
        self.unbounded_backoff(repeats).min(self.config.t2)
    }

    /// Timer E in the Proceeding state: T2.
    pub(crate) const fn slow_repeat(&self) -> Duration {
        self.config.t2
    }

    /// Timer D: at least 32 s, and never shorter than the other side's timer H.
    pub(crate) fn timer_d(&self) -> Duration {
        self.patience().max(TIMER_D_MINIMUM)
    }

    /// Timers I and K: T4.
    pub(crate) const fn linger(&self) -> Duration {
        self.config.t4
    }

    /// The time until a client's timer E first runs with T2: when a server that has been silent owes a
    /// 100 (RFC 4320 section 4.1). 3.5 s with the default values.
    pub(crate) fn client_slows_down_after(&self) -> Duration {
        let mut elapsed = Duration::ZERO;
        for repeats in 0..MAX_DOUBLINGS {
            let interval = self.unbounded_backoff(repeats);
            if interval >= self.config.t2 {
                break;
            }
            elapsed = elapsed.saturating_add(interval);
        }
        elapsed
    }
}

/// Why a transaction wants to be woken: the timers of RFC 3261 table 4 and RFC 6026, and two deadlines
/// that those documents state in prose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// Repeat the INVITE.
    A,
    /// Give up on the INVITE.
    B,
    /// Stop absorbing repeated final responses to the INVITE.
    D,
    /// Repeat the non-INVITE request.
    E,
    /// Give up on the non-INVITE request.
    F,
    /// Repeat the final response to the INVITE.
    G,
    /// Give up waiting for the ACK.
    H,
    /// Stop absorbing repeated ACKs.
    I,
    /// Stop absorbing repeated non-INVITE requests.
    J,
    /// Stop absorbing repeated responses to the non-INVITE request.
    K,
    /// Stop accepting further 2xx from the user of the server transaction (RFC 6026).
    L,
    /// Stop passing further 2xx to the user of the client transaction (RFC 6026).
    M,
    /// A cancelled INVITE has had 64*T1 to end (RFC 3261 section 9.1).
    Cancelled,
    /// A non-INVITE request has been left without an answer for as long as it takes its client's
    /// timer E to reach T2: it is owed a 100 (RFC 4320 section 4.1).
    Trying,
    /// The client of a non-INVITE request has given up by its timer F, so no answer is of use
    /// (RFC 4320 section 4.2).
    Expired,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_server_owes_a_100_after_three_and_a_half_seconds() {
        let timing = Timing::new(TimerConfig::default(), false);
        assert_eq!(timing.client_slows_down_after(), Duration::from_millis(3500));
    }

    #[test]
    fn odd_configurations_do_not_overflow() {
        let config =
            TimerConfig { t1: Duration::ZERO, t2: Duration::from_secs(4), t4: Duration::ZERO };
        assert_eq!(Timing::new(config, false).client_slows_down_after(), Duration::ZERO);
        let config = TimerConfig { t1: Duration::MAX, ..config };
        let timing = Timing::new(config, false);
        assert_eq!(timing.patience(), Duration::MAX);
        assert_eq!(timing.unbounded_backoff(u8::MAX), Duration::MAX);
    }
}
