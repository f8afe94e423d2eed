//! The INVITE server transaction: RFC 3261 section 17.2.1 as changed by RFC 6026 section 8.7.

use offhook_engine::Instant;
use offhook_sip_message::StatusCode;

use crate::action::{Action, Actions};
use crate::timing::{Timer, Timing};

/// The state of an INVITE server transaction.
///
/// ```text
///                           INVITE / pass up
///                                  |
///         INVITE: send the last    v         1xx from the user: send
///         response  +-------> [ Proceeding ] <-------+
///                   +---------- |       | -----------+
///        300-699 from the user: |       | 2xx from the user: send
///        send     +-------------+       +---------------+
///                 v                                     v      2xx from the user: send
///  INVITE or G:  [ Completed ]                     [ Accepted ] <----+
///  send  +------> |    |   |                        |  |   | --------+
///        +--------+    |   | ACK                    |  |   |  ACK: pass up
///                      |   v                        |  +---+  INVITE: absorb
///            H: report | [ Confirmed ] ACK: absorb  | L
///                      |   | I                      |
///                      v   v                        v
///                     [ Terminated ] <--------------+
/// ```
///
/// A transport error is reported to the user and changes no state (RFC 6026 section 8.7). The
/// automatic 100 of section 17.2.1 is left to the user, who knows best whether it is late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerInvite {
    /// The user has the INVITE.
    Proceeding {
        /// A provisional response has been sent and is repeated when the INVITE comes again.
        answered: bool,
    },
    /// A final response of 300 to 699 has been sent and waits for its ACK.
    Completed {
        /// Timer G; none on a reliable transport.
        repeat_at: Option<Instant>,
        /// How many times timer G has fired.
        repeats: u8,
        /// Timer H.
        gives_up_at: Instant,
    },
    /// The ACK has come; its repeats are absorbed.
    Confirmed {
        /// Timer I.
        ends_at: Instant,
    },
    /// A 2xx has been sent; its repeats and those of forks pass through (RFC 6026).
    Accepted {
        /// Timer L.
        ends_at: Instant,
    },
    /// Over.
    Terminated,
}

impl ServerInvite {
    /// Starts the transaction: the INVITE goes to the user.
    #[must_use]
    pub fn start() -> (Self, Actions) {
        (Self::Proceeding { answered: false }, Action::PassUp.into())
    }

    /// The INVITE came again.
    pub fn on_repeat(&mut self) -> Actions {
        match *self {
            // Section 17.2.1: the most recent response answers a repeated INVITE.
            Self::Proceeding { answered: true } | Self::Completed { .. } => {
                Action::SendResponse.into()
            }
            // The user has said nothing that could be repeated.
            Self::Proceeding { answered: false } => Actions::NONE,
            // RFC 6026 section 7.1: the user repeats its 2xx on its own clock, so the INVITE is
            // absorbed; and after the ACK it can only be an old duplicate.
            Self::Accepted { .. } | Self::Confirmed { .. } | Self::Terminated => Actions::NONE,
        }
    }

    /// The user answers with `status`.
    pub fn on_answer(&mut self, status: StatusCode, timing: &Timing, now: Instant) -> Actions {
        match *self {
            Self::Proceeding { .. } if status.is_provisional() => {
                *self = Self::Proceeding { answered: true };
                Action::SendResponse.into()
            }
            // RFC 6026 section 7.1: stay, so that more 2xx of a forked INVITE can pass.
            Self::Proceeding { .. } if status.is_success() => {
                *self = Self::Accepted { ends_at: now + timing.patience() };
                Action::SendResponse.into()
            }
            Self::Proceeding { .. } => {
                *self = Self::Completed {
                    // Section 17.2.1: timer G runs on unreliable transports only, timer H on all.
                    repeat_at: (!timing.is_reliable()).then(|| now + timing.bounded_backoff(0)),
                    repeats: 0,
                    gives_up_at: now + timing.patience(),
                };
                Action::SendResponse.into()
            }
            Self::Accepted { .. } if status.is_success() => Action::SendResponse.into(),
            // Section 17.2.1: after a final response anything else from the user is dropped.
            Self::Accepted { .. }
            | Self::Completed { .. }
            | Self::Confirmed { .. }
            | Self::Terminated => Actions::NONE,
        }
    }

    /// An ACK that belongs to this transaction came in.
    pub fn on_ack(&mut self, timing: &Timing, now: Instant) -> Actions {
        match *self {
            // Section 17.2.1: timer I is zero where the ACK cannot be repeated.
            Self::Completed { .. } if timing.is_reliable() => {
                *self = Self::Terminated;
                Action::End.into()
            }
            Self::Completed { .. } => {
                *self = Self::Confirmed { ends_at: now + timing.linger() };
                Actions::NONE
            }
            // RFC 6026 section 7.1: an ACK for a 2xx belongs to the user.
            Self::Accepted { .. } => Action::PassUp.into(),
            // Nothing to acknowledge yet, or a repeat.
            Self::Proceeding { .. } | Self::Confirmed { .. } | Self::Terminated => Actions::NONE,
        }
    }

    /// A deadline may have passed.
    pub fn on_timeout(&mut self, timing: &Timing, now: Instant) -> Actions {
        match *self {
            // Section 17.2.1: timer H, the ACK never came.
            Self::Completed { gives_up_at, .. } if gives_up_at <= now => {
                *self = Self::Terminated;
                Actions::of(&[Action::ReportTimeout, Action::End])
            }
            // Section 17.2.1: timer G doubles up to T2.
            Self::Completed { repeat_at: Some(at), repeats, gives_up_at } if at <= now => {
                let repeats = repeats.saturating_add(1);
                let repeat_at = Some(now + timing.bounded_backoff(repeats));
                *self = Self::Completed { repeat_at, repeats, gives_up_at };
                Action::SendResponse.into()
            }
            // Timers I and L.
            Self::Confirmed { ends_at } | Self::Accepted { ends_at } if ends_at <= now => {
                *self = Self::Terminated;
                Action::End.into()
            }
            Self::Proceeding { .. }
            | Self::Completed { .. }
            | Self::Confirmed { .. }
            | Self::Accepted { .. }
            | Self::Terminated => Actions::NONE,
        }
    }

    /// The transport could not send a response.
    pub fn on_transport_error(&mut self) -> Actions {
        match *self {
            // RFC 6026 section 8.7: the user is told, and the timers go on; the request may come
            // again by a path that works.
            Self::Proceeding { .. } | Self::Completed { .. } | Self::Accepted { .. } => {
                Action::ReportFailure.into()
            }
            Self::Confirmed { .. } | Self::Terminated => Actions::NONE,
        }
    }

    /// When to call [`Self::on_timeout`], and why.
    #[must_use]
    pub fn deadline(&self) -> Option<(Instant, Timer)> {
        match *self {
            Self::Completed { repeat_at: Some(at), gives_up_at, .. } if at < gives_up_at => {
                Some((at, Timer::G))
            }
            Self::Completed { gives_up_at, .. } => Some((gives_up_at, Timer::H)),
            Self::Confirmed { ends_at } => Some((ends_at, Timer::I)),
            Self::Accepted { ends_at } => Some((ends_at, Timer::L)),
            Self::Proceeding { .. } | Self::Terminated => None,
        }
    }
}
