//! The non-INVITE client transaction: RFC 3261 section 17.1.2.

use offhook_engine::Instant;
use offhook_sip_message::StatusCode;

use crate::action::{Action, Actions};
use crate::timing::{Timer, Timing};

/// The state of a non-INVITE client transaction.
///
/// ```text
///                  request from the user / send
///                             |
///         E: send again       v        F or transport error: report
///                  +-----> [ Trying ] --------------------------+
///                  +---------- |  |                             |
///                 1xx: pass up |  | 200-699: pass up            |
///                              v  +----------------+            |
///        E: send again   [ Proceeding ] +---+      |            |
///                 +-------> |  |  |  1xx|   |      |            |
///                 +---------+  |  | pass up v      |            |
///                              |  |                |            |
///     F or transport error:    |  | 200-699:       |            |
///     report                   |  | pass up        v            |
///           +------------------+  +---------> [ Completed ]     |
///           |                                      | K          |
///           |                                      v            |
///           +------------------------------> [ Terminated ] <---+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientNonInvite {
    /// Sent, no answer of any kind.
    Trying {
        /// Timer E; none on a reliable transport.
        repeat_at: Option<Instant>,
        /// How many times timer E has fired.
        repeats: u8,
        /// Timer F.
        gives_up_at: Instant,
    },
    /// A provisional response has come.
    Proceeding {
        /// Timer E; none on a reliable transport.
        repeat_at: Option<Instant>,
        /// Timer F.
        gives_up_at: Instant,
    },
    /// The final response has come; its repeats are absorbed.
    Completed {
        /// Timer K.
        ends_at: Instant,
    },
    /// Over.
    Terminated,
}

impl ClientNonInvite {
    /// Starts the transaction: the request is to be sent.
    #[must_use]
    pub fn start(timing: &Timing, now: Instant) -> (Self, Actions) {
        let state = Self::Trying {
            // Section 17.1.2.2: timer E runs on unreliable transports only, timer F on all.
            repeat_at: (!timing.is_reliable()).then(|| now + timing.bounded_backoff(0)),
            repeats: 0,
            gives_up_at: now + timing.patience(),
        };
        (state, Action::SendRequest.into())
    }

    /// A response to the request came in.
    pub fn on_response(&mut self, status: StatusCode, timing: &Timing, now: Instant) -> Actions {
        match *self {
            Self::Trying { repeat_at, gives_up_at, .. } if status.is_provisional() => {
                // Section 17.1.2.2: the request goes on being repeated, since the provisional
                // response is no promise that the final one will be; the running timer E stays.
                *self = Self::Proceeding { repeat_at, gives_up_at };
                Action::PassUp.into()
            }
            Self::Proceeding { .. } if status.is_provisional() => Action::PassUp.into(),
            // Section 17.1.2.2: timer K is zero where the response cannot be repeated.
            Self::Trying { .. } | Self::Proceeding { .. } if timing.is_reliable() => {
                *self = Self::Terminated;
                Actions::of(&[Action::PassUp, Action::End])
            }
            Self::Trying { .. } | Self::Proceeding { .. } => {
                *self = Self::Completed { ends_at: now + timing.linger() };
                Action::PassUp.into()
            }
            Self::Completed { .. } | Self::Terminated => Actions::NONE,
        }
    }

    /// A deadline may have passed.
    pub fn on_timeout(&mut self, timing: &Timing, now: Instant) -> Actions {
        match *self {
            // Section 17.1.2.2: timer F runs on through the Proceeding state.
            Self::Trying { gives_up_at, .. } | Self::Proceeding { gives_up_at, .. }
                if gives_up_at <= now =>
            {
                *self = Self::Terminated;
                Actions::of(&[Action::ReportTimeout, Action::End])
            }
            // Section 17.1.2.2: timer E doubles up to T2.
            Self::Trying { repeat_at: Some(at), repeats, gives_up_at } if at <= now => {
                let repeats = repeats.saturating_add(1);
                let repeat_at = Some(now + timing.bounded_backoff(repeats));
                *self = Self::Trying { repeat_at, repeats, gives_up_at };
                Action::SendRequest.into()
            }
            // Section 17.1.2.2: the server is known to be there, so T2 is often enough.
            Self::Proceeding { repeat_at: Some(at), gives_up_at } if at <= now => {
                let repeat_at = Some(now + timing.slow_repeat());
                *self = Self::Proceeding { repeat_at, gives_up_at };
                Action::SendRequest.into()
            }
            Self::Completed { ends_at } if ends_at <= now => {
                *self = Self::Terminated;
                Action::End.into()
            }
            Self::Trying { .. }
            | Self::Proceeding { .. }
            | Self::Completed { .. }
            | Self::Terminated => Actions::NONE,
        }
    }

    /// The transport could not send the request.
    pub fn on_transport_error(&mut self) -> Actions {
        match *self {
            Self::Trying { .. } | Self::Proceeding { .. } => {
                *self = Self::Terminated;
                Actions::of(&[Action::ReportFailure, Action::End])
            }
            Self::Completed { .. } | Self::Terminated => Actions::NONE,
        }
    }

    /// When to call [`Self::on_timeout`], and why.
    #[must_use]
    pub fn deadline(&self) -> Option<(Instant, Timer)> {
        match *self {
            Self::Trying { repeat_at: Some(at), gives_up_at, .. }
            | Self::Proceeding { repeat_at: Some(at), gives_up_at }
                if at < gives_up_at =>
            {
                Some((at, Timer::E))
            }
            Self::Trying { gives_up_at, .. } | Self::Proceeding { gives_up_at, .. } => {
                Some((gives_up_at, Timer::F))
            }
            Self::Completed { ends_at } => Some((ends_at, Timer::K)),
            Self::Terminated => None,
        }
    }
}
