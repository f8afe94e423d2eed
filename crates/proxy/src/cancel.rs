//! CANCEL (RFC 3261 sections 9.2 and 16.10), and timer C, which ends branches in the same way.

use offhook_engine::Now;
use offhook_sip_core::ServerId;
use offhook_sip_message::{Flow, Request, StatusCode};

use crate::admission::Refusal;
use crate::branch::BranchState;
use crate::context::ContextId;
use crate::proxy::Proxy;

impl Proxy {
    /// A CANCEL came: it is answered at once, and the branches of its INVITE are cancelled.
    pub(crate) fn receive_cancel(
        &mut self,
        cancel: ServerId,
        invite: Option<ServerId>,
        request: &Request,
        flow: Flow,
        now: Now,
    ) {
        let Some(invite) = invite else {
            let refusal =
                Refusal::new(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST, "No such transaction");
            return self.refuse(Some(cancel), request, flow, &refusal, now);
        };
        self.answer(cancel, request, flow, &Refusal::new(StatusCode::OK, "OK"), now);
        // No context: the INVITE has its final response, and the CANCEL has no effect.
        let Some(&id) = self.by_server.get(&invite) else { return };
        self.cancel_context(id, now);
    }

    fn cancel_context(&mut self, id: ContextId, now: Now) {
        let Some(context) = self.contexts.get_mut(&id) else { return };
        context.cancelled = true;
        if context.branches.iter().any(|branch| branch.client().is_some()) {
            self.cancel_branches(id, now);
            self.finish_if_complete(id, now);
        } else {
            // Nothing was forwarded: the INVITE ends here.
            let refusal = Refusal::new(StatusCode::REQUEST_TERMINATED, "Request Terminated");
            self.fail(id, &refusal, now);
        }
    }

    /// Cancels every branch that has no final response yet; those not sent yet never will be.
    ///
    /// Only an INVITE can be cancelled (section 9.1). Another request's branches are left to
    /// themselves: to wait for them would keep the response until its client has given up.
    pub(crate) fn cancel_branches(&mut self, id: ContextId, now: Now) {
        let Some(context) = self.contexts.get_mut(&id) else { return };
        let is_invite = context.is_invite();
        for branch in &mut context.branches {
            match branch.state {
                BranchState::Pending(_) if !is_invite => branch.state = BranchState::Done,
                BranchState::Pending(client) => {
                    branch.state = BranchState::Cancelled(client);
                    // The transaction itself gives up 64*T1 after the CANCEL (section 9.1).
                    if let Some(timer) = branch.timer.take() {
                        self.timers.cancel(timer);
                    }
                    self.transactions.cancel(client, now.mono);
                }
                BranchState::Resolving => branch.state = BranchState::Done,
                BranchState::Cancelled(_) | BranchState::Done => {}
            }
        }
    }

    /// Timer C fired (section 16.8): the branch rang for too long without a word.
    pub(crate) fn timer_c_fired(&mut self, id: ContextId, index: usize, now: Now) {
        let Some(context) = self.contexts.get_mut(&id) else { return };
        let Some(branch) = context.branches.get_mut(index) else { return };
        branch.timer = None;
        if let BranchState::Pending(client) = branch.state {
            branch.state = BranchState::Cancelled(client);
            self.transactions.cancel(client, now.mono);
        }
    }
}
