//! The non-INVITE server transaction: RFC 3261 section 17.2.2 as restricted by RFC 4320.

use offhook_engine::Instant;
use offhook_sip_message::StatusCode;

use crate::action::{Action, Actions};
use crate::timing::{Timer, Timing};

/// The state of a non-INVITE server transaction.
///
/// ```text
///                       request / pass up
///                              |
///      request: absorb         v
///               +-------> [ Trying ] ---------------------------+
///               +---------- |  |  |                             |
///      100 from the user    |  |  | 408 from the user           |
///      where allowed: send, |  |  +-------------------+         |
///      or 3.5 s: send 100   |  |                      |         |
///                           v  |     408 from         v         |
///  request: send again   [ Proceeding ] --------> [ Unanswered ]|
///               +-------> |  | |  |   the user       |         | 64*T1:
///               +---------+  | |  | 64*T1: report    | J       | report
///        200-699 from the    | |  +------------------+---+-----+
///        user: send          v v                     |   |
///  request: send again  [ Completed ]                |   |
///               +-------> |  |  J, or transport      v   v
///               +---------+  +-----------------> [ Terminated ]
///                               error: report
/// ```
///
/// RFC 4320: a non-INVITE request is never answered by 408 (the answer would come too late and only
/// breed more messages), by no provisional response but 100, and by that one over an unreliable
/// transport only once the client repeats at its slowest rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerNonInvite {
    /// The user has the request, and nothing has been sent.
    Trying {
        /// When the client is owed a 100 (RFC 4320 section 4.1).
        trying_at: Instant,
        /// When the client's timer F has fired for certain.
        expires_at: Instant,
    },
    /// A 100 has been sent and is repeated when the request comes again.
    Proceeding {
        /// When the client's timer F has fired for certain.
        expires_at: Instant,
    },
    /// The final response has been sent and is repeated when the request comes again.
    Completed {
        /// Timer J.
        ends_at: Instant,
    },
    /// The user gave up (408): repeats of the request are absorbed in silence.
    Unanswered {
        /// Timer J.
        ends_at: Instant,
    },
    /// Over.
    Terminated,
}

impl ServerNonInvite {
    /// Starts the transaction: the request goes to the user.
    #[must_use]
    pub fn start(timing: &Timing, now: Instant) -> (Self, Actions) {
        let state = Self::Trying {
            trying_at: now + timing.client_slows_down_after(),
            expires_at: now + timing.patience(),
        };
        (state, Action::PassUp.into())
    }

    /// The request came again.
    pub fn on_repeat(&mut self) -> Actions {
        match *self {
            // Section 17.2.2: the last response answers a repeated request.
            Self::Proceeding { .. } | Self::Completed { .. } => Action::SendResponse.into(),
            Self::Trying { .. } | Self::Unanswered { .. } | Self::Terminated => Actions::NONE,
        }
    }

    /// The user answers with `status`.
    pub fn on_answer(&mut self, status: StatusCode, timing: &Timing, now: Instant) -> Actions {
        if status.is_provisional() {
            return self.on_provisional(status, timing, now);
        }
        match *self {
            // RFC 4320 section 4.2: a 408 to a non-INVITE request must not be sent.
            Self::Trying { .. } | Self::Proceeding { .. }
                if status == StatusCode::REQUEST_TIMEOUT =>
            {
                if timing.is_reliable() {
                    *self = Self::Terminated;
                    return Action::End.into();
                }
                *self = Self::Unanswered { ends_at: now + timing.patience() };
                Actions::NONE
            }
            // Section 17.2.2: timer J is zero where the request cannot be repeated.
            Self::Trying { .. } | Self::Proceeding { .. } if timing.is_reliable() => {
                *self = Self::Terminated;
                Actions::of(&[Action::SendResponse, Action::End])
            }
            Self::Trying { .. } | Self::Proceeding { .. } => {
                *self = Self::Completed { ends_at: now + timing.patience() };
                Action::SendResponse.into()
            }
            // Section 17.2.2: after a final response anything else from the user is dropped.
            Self::Completed { .. } | Self::Unanswered { .. } | Self::Terminated => Actions::NONE,
        }
    }

    fn on_provisional(&mut self, status: StatusCode, timing: &Timing, now: Instant) -> Actions {
        match *self {
            // RFC 4320 section 4.1: no provisional response but 100, and that one not early over an
            // unreliable transport, where it would only slow down the client's repeats.
            Self::Trying { trying_at, expires_at }
                if status == StatusCode::TRYING && (timing.is_reliable() || trying_at <= now) =>
            {
                *self = Self::Proceeding { expires_at };
                Action::SendResponse.into()
            }
            Self::Trying { .. }
            | Self::Proceeding { .. }
            | Self::Completed { .. }
            | Self::Unanswered { .. }
            | Self::Terminated => Actions::NONE,
        }
    }

    /// A deadline may have passed.
    pub fn on_timeout(&mut self, now: Instant) -> Actions {
        match *self {
            // RFC 4320 section 4.2: the client has given up, so no answer is sent at all.
            Self::Trying { expires_at, .. } | Self::Proceeding { expires_at }
                if expires_at <= now =>
            {
                *self = Self::Terminated;
                Actions::of(&[Action::ReportTimeout, Action::End])
            }
            // RFC 4320 section 4.1: whatever the transport, a client that has waited until its timer
            // E reached T2 is told that its request has arrived.
            Self::Trying { trying_at, expires_at } if trying_at <= now => {
                *self = Self::Proceeding { expires_at };
                Action::SendTrying.into()
            }
            Self::Completed { ends_at } | Self::Unanswered { ends_at } if ends_at <= now => {
                *self = Self::Terminated;
                Action::End.into()
            }
            Self::Trying { .. }
            | Self::Proceeding { .. }
            | Self::Completed { .. }
            | Self::Unanswered { .. }
            | Self::Terminated => Actions::NONE,
        }
    }

    /// The transport could not send a response.
    pub fn on_transport_error(&mut self) -> Actions {
        match *self {
            // Section 17.2.2: the answer cannot be delivered.
            Self::Proceeding { .. } | Self::Completed { .. } => {
                *self = Self::Terminated;
                Actions::of(&[Action::ReportFailure, Action::End])
            }
            // Nothing has been sent.
            Self::Trying { .. } | Self::Unanswered { .. } | Self::Terminated => Actions::NONE,
        }
    }

    /// When to call [`Self::on_timeout`], and why.
    #[must_use]
    pub fn deadline(&self) -> Option<(Instant, Timer)> {
        match *self {
            Self::Trying { trying_at, expires_at } if trying_at < expires_at => {
                Some((trying_at, Timer::Trying))
            }
            Self::Trying { expires_at, .. } | Self::Proceeding { expires_at } => {
                Some((expires_at, Timer::Expired))
            }
            Self::Completed { ends_at } | Self::Unanswered { ends_at } => Some((ends_at, Timer::J)),
            Self::Terminated => None,
        }
    }
}
