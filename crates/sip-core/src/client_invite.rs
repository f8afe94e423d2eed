//! The INVITE client transaction: RFC 3261 section 17.1.1 as changed by RFC 6026 section 8.4.

use offhook_engine::Instant;
use offhook_sip_message::StatusCode;

use crate::action::{Action, Actions};
use crate::timing::{Timer, Timing};

/// The state of an INVITE client transaction.
///
/// ```text
///                      INVITE from the user / send
///                                 |
///               A: send again     v        B or transport error: report
///                      +----> [ Calling ] -----------------------------+
///                      +--------- |  |  |                              |
///                    1xx: pass up |  |  | 300-699: pass up, ACK        |
///             +-------------------+  |  +-----------------+            |
///             |     2xx: pass up     |                    |            |
///             v   +------------------+                    |            |
///      [ Proceeding ]                |                    |            |
///       | |  |    |  2xx: pass up    |                    |            |
///   1xx +-+  |    +------------+     |                    |            |
///  pass up   |                 v     v                    v            |
///            |               [ Accepted ] +---+     [ Completed ] +---+|
///            |                   |    2xx |   |       |    3xx-6xx|   ||
///            |                   |    pass up v       |   ACK again   v|
///            |                 M |                    | D, or transport|
///            |                   v                    v error: report  v
///            +-----------> [ Terminated ] <------------------------ [ Terminated ]
///             64*T1 after a CANCEL: report
/// ```
///
/// A CANCEL is asked for by the user at any time and sent as soon as RFC 3261 section 9.1 allows. Timer
/// C of a proxy, which bounds the Proceeding state, belongs to the user (section 16.6 step 11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientInvite {
    /// Sent, no answer of any kind.
    Calling {
        /// Timer A; none on a reliable transport.
        repeat_at: Option<Instant>,
        /// How many times timer A has fired.
        repeats: u8,
        /// Timer B.
        gives_up_at: Instant,
        /// A CANCEL waits for the first provisional response.
        cancel_wanted: bool,
    },
    /// A provisional response has come.
    Proceeding {
        /// Set once a CANCEL went out: when to stop waiting for the final response to the INVITE.
        cancelled_until: Option<Instant>,
    },
    /// A final response of 300 to 699 has come and is acknowledged each time it comes again.
    Completed {
        /// Timer D.
        ends_at: Instant,
    },
    /// A 2xx has come; forks may still send others (RFC 6026).
    Accepted {
        /// Timer M.
        ends_at: Instant,
    },
    /// Over.
    Terminated,
}

impl ClientInvite {
    /// Starts the transaction: the request is to be sent.
    #[must_use]
    pub fn start(timing: &Timing, now: Instant) -> (Self, Actions) {
        let state = Self::Calling {
            // Section 17.1.1.2: timer A runs on unreliable transports only, timer B on all.
            repeat_at: (!timing.is_reliable()).then(|| now + timing.unbounded_backoff(0)),
            repeats: 0,
            gives_up_at: now + timing.patience(),
            cancel_wanted: false,
        };
        (state, Action::SendRequest.into())
    }

    /// A response to the INVITE came in.
    pub fn on_response(&mut self, status: StatusCode, timing: &Timing, now: Instant) -> Actions {
        if status.is_provisional() {
            self.on_provisional(timing, now)
        } else if status.is_success() {
            self.on_success(timing, now)
        } else {
            self.on_failure(timing, now)
        }
    }

    fn on_provisional(&mut self, timing: &Timing, now: Instant) -> Actions {
        match *self {
            // Section 17.1.1.2: any provisional response stops the retransmissions.
            Self::Calling { cancel_wanted: false, .. } => {
                *self = Self::Proceeding { cancelled_until: None };
                Action::PassUp.into()
            }
            // Section 9.1: a CANCEL may go out only after a provisional response. Here it is.
            Self::Calling { cancel_wanted: true, .. } => {
                *self = Self::Proceeding { cancelled_until: Some(now + timing.patience()) };
                Actions::of(&[Action::PassUp, Action::SendCancel])
            }
            Self::Proceeding { .. } => Action::PassUp.into(),
            // Overtaken by the final response.
            Self::Completed { .. } | Self::Accepted { .. } | Self::Terminated => Actions::NONE,
        }
    }

    fn on_success(&mut self, timing: &Timing, now: Instant) -> Actions {
        match *self {
            // RFC 6026 section 7.2: wait 64*T1 for the 2xx of other branches of a downstream fork.
            Self::Calling { .. } | Self::Proceeding { .. } => {
                *self = Self::Accepted { ends_at: now + timing.patience() };
                Action::PassUp.into()
            }
            // RFC 6026 section 7.2: each 2xx goes up, repeats too; the ACK is the user's business.
            Self::Accepted { .. } => Action::PassUp.into(),
            Self::Completed { .. } | Self::Terminated => Actions::NONE,
        }
    }

    fn on_failure(&mut self, timing: &Timing, now: Instant) -> Actions {
        match *self {
            Self::Calling { .. } | Self::Proceeding { .. } => {
                let actions = Actions::of(&[Action::SendAck, Action::PassUp]);
                // Section 17.1.1.2: timer D is zero where the response cannot be repeated.
                if timing.is_reliable() {
                    *self = Self::Terminated;
                    return actions.and(Action::End);
                }
                *self = Self::Completed { ends_at: now + timing.timer_d() };
                actions
            }
            // Section 17.1.1.2: our ACK was lost. Send it again, and keep this from the user.
            Self::Completed { .. } => Action::SendAck.into(),
            Self::Accepted { .. } | Self::Terminated => Actions::NONE,
        }
    }

    /// The user wants the INVITE cancelled. Only the first wish counts.
    pub fn on_cancel(&mut self, timing: &Timing, now: Instant) -> Actions {
        match self {
            // Section 9.1: before a provisional response the CANCEL could overtake the INVITE.
            Self::Calling { cancel_wanted, .. } => {
                *cancel_wanted = true;
                Actions::NONE
            }
            // Section 9.1: without a final response within 64*T1 of the CANCEL, the INVITE is over.
            Self::Proceeding { cancelled_until: cancelled_until @ None } => {
                *cancelled_until = Some(now + timing.patience());
                Action::SendCancel.into()
            }
            // Section 9.1: a CANCEL has no effect on a request that has its final response.
            Self::Proceeding { cancelled_until: Some(_) }
            | Self::Completed { .. }
            | Self::Accepted { .. }
            | Self::Terminated => Actions::NONE,
        }
    }

    /// A deadline may have passed.
    pub fn on_timeout(&mut self, timing: &Timing, now: Instant) -> Actions {
        match *self {
            // Section 17.1.1.2: timer B ends the wait.
            Self::Calling { gives_up_at, .. } if gives_up_at <= now => {
                *self = Self::Terminated;
                Actions::of(&[Action::ReportTimeout, Action::End])
            }
            // Section 17.1.1.2: each timer A is twice as long as the one before.
            Self::Calling { repeat_at: Some(at), repeats, gives_up_at, cancel_wanted }
                if at <= now =>
            {
                let repeats = repeats.saturating_add(1);
                let repeat_at = Some(now + timing.unbounded_backoff(repeats));
                *self = Self::Calling { repeat_at, repeats, gives_up_at, cancel_wanted };
                Action::SendRequest.into()
            }
            Self::Proceeding { cancelled_until: Some(at) } if at <= now => {
                *self = Self::Terminated;
                Actions::of(&[Action::ReportTimeout, Action::End])
            }
            // Timers D and M: nothing more is worth absorbing.
            Self::Completed { ends_at } | Self::Accepted { ends_at } if ends_at <= now => {
                *self = Self::Terminated;
                Action::End.into()
            }
            Self::Calling { .. }
            | Self::Proceeding { .. }
            | Self::Completed { .. }
            | Self::Accepted { .. }
            | Self::Terminated => Actions::NONE,
        }
    }

    /// The transport could not send what this transaction gave it last.
    pub fn on_transport_error(&mut self) -> Actions {
        match *self {
            // Section 17.1.4 for the INVITE, 17.1.1.2 for the ACK.
            Self::Calling { .. } | Self::Completed { .. } => {
                *self = Self::Terminated;
                Actions::of(&[Action::ReportFailure, Action::End])
            }
            // The INVITE has arrived, or nothing of ours is on the way.
            Self::Proceeding { .. } | Self::Accepted { .. } | Self::Terminated => Actions::NONE,
        }
    }

    /// When to call [`Self::on_timeout`], and why.
    #[must_use]
    pub fn deadline(&self) -> Option<(Instant, Timer)> {
        match *self {
            Self::Calling { repeat_at: Some(at), gives_up_at, .. } if at < gives_up_at => {
                Some((at, Timer::A))
            }
            Self::Calling { gives_up_at, .. } => Some((gives_up_at, Timer::B)),
            Self::Proceeding { cancelled_until } => {
                cancelled_until.map(|at| (at, Timer::Cancelled))
            }
            Self::Completed { ends_at } => Some((ends_at, Timer::D)),
            Self::Accepted { ends_at } => Some((ends_at, Timer::M)),
            Self::Terminated => None,
        }
    }
}
