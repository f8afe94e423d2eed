//! One branch of a forked request: a target, a client transaction, timer C.

use std::collections::VecDeque;

use offhook_engine::TimerId;
use offhook_sip_core::ClientId;
use offhook_sip_message::Flow;

use crate::action::Target;

/// One way that a request is forwarded.
#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) target: Target,
    pub(crate) state: BranchState,
    /// Next hops to try if the present one cannot be reached.
    pub(crate) alternatives: VecDeque<Flow>,
    /// Timer C (RFC 3261 section 16.6 step 11), or how long to wait for the answer to a CANCEL
    /// (section 9.1).
    pub(crate) timer: Option<TimerId>,
}

/// Where a branch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BranchState {
    /// The next hop's name is being looked up.
    Resolving,
    /// The request was sent and has no final response yet.
    Pending(ClientId),
    /// The same, and a CANCEL was sent after it.
    Cancelled(ClientId),
    /// It has ended, one way or another.
    Done,
}

impl Branch {
    pub(crate) fn new(target: Target) -> Self {
        Self { target, state: BranchState::Resolving, alternatives: VecDeque::new(), timer: None }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state == BranchState::Done
    }

    pub(crate) fn client(&self) -> Option<ClientId> {
        match self.state {
            BranchState::Pending(client) | BranchState::Cancelled(client) => Some(client),
            BranchState::Resolving | BranchState::Done => None,
        }
    }
}
