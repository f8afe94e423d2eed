//! The client side: requests that go out, and the responses that come back.

use bytes::Bytes;
use offhook_engine::Instant;
use offhook_sip_message::{Flow, Method, Response};

use super::branch::Branch;
use super::{Armed, ClientId, Effect, Full, Owner, Sender, Transactions, hop, rearm};
use crate::action::{Action, Actions};
use crate::client_invite::ClientInvite;
use crate::client_non_invite::ClientNonInvite;
use crate::timing::Timing;

pub(super) struct ClientRecord {
    machine: Machine,
    /// What makes the branch unguessable, and the hash in the table.
    secret: u64,
    flow: Flow,
    /// The request, and from its failure on the ACK; empty when neither can be needed again.
    held: Bytes,
    /// With the secret, what tells a transaction: a CANCEL has the branch of its INVITE.
    method: Method,
    /// A CANCEL made here, whose user is the layer itself.
    is_own_cancel: bool,
    armed: Option<Armed>,
}

#[derive(Clone, Copy)]
enum Machine {
    Invite(ClientInvite),
    NonInvite(ClientNonInvite),
}

impl Transactions {
    /// A branch that no other request has. It reserves nothing: it may be dropped, or be used for a
    /// request that is sent without a transaction (an ACK for a 2xx).
    pub fn new_branch(&mut self) -> Branch {
        Branch::new(self.branches.next_u64())
    }

    /// Sends a request and waits for its responses.
    ///
    /// `message` is the whole request, whose top Via carries `branch` (used for this request only).
    /// An ACK for a 2xx has no transaction and is the user's to send.
    ///
    /// # Errors
    /// [`Full`] if the table is full; nothing is sent.
    pub fn request(
        &mut self,
        branch: Branch,
        method: Method,
        message: Bytes,
        flow: Flow,
        now: Instant,
    ) -> Result<ClientId, Full> {
        if self.clients.len() - self.open_cancels >= self.capacity.max_client {
            return Err(Full);
        }
        let (machine, actions) = Machine::start(method, &self.timing(&flow), now);
        let id = self.insert_client(ClientRecord {
            machine,
            secret: branch.secret,
            flow,
            held: message,
            method,
            is_own_cancel: false,
            armed: None,
        });
        self.apply_client(id, actions, now);
        Ok(id)
    }

    /// A response came in. `Some` if it is for the user of that transaction; `None` if it is a repeat,
    /// an answer to a CANCEL made here, or belongs to nothing (RFC 3261 section 17.1.3).
    pub fn receive_response(&mut self, response: &Response, now: Instant) -> Option<ClientId> {
        let Some(id) = self.find_client(response) else {
            self.counters.stray_responses += 1;
            return None;
        };
        let timing = self.timing(&self.clients.get(id.0)?.flow);
        let record = self.clients.get_mut(id.0)?;
        let actions = match &mut record.machine {
            Machine::Invite(machine) => {
                let first = !matches!(machine, ClientInvite::Completed { .. });
                let actions = machine.on_response(response.status(), &timing, now);
                if actions.contains(Action::SendAck) && first {
                    record.held = hop::ack(&record.held, response).unwrap_or_default();
                } else if actions.contains(Action::SendAck) {
                    self.counters.retransmissions += 1;
                }
                actions
            }
            Machine::NonInvite(machine) => machine.on_response(response.status(), &timing, now),
        };
        let is_for_user = actions.contains(Action::PassUp) && !record.is_own_cancel;
        self.apply_client(id, actions, now);
        is_for_user.then_some(id)
    }

    /// Cancels an INVITE (RFC 3261 section 9.1): the CANCEL is made here and goes out as soon as a
    /// provisional response has come. The INVITE ends with its final response, 487 as a rule, or by
    /// [`Effect::ClientTimedOut`] 64*T1 later.
    ///
    /// Has no effect on other requests, on an INVITE that has its final response, or the second time.
    pub fn cancel(&mut self, id: ClientId, now: Instant) {
        let Some(record) = self.clients.get(id.0) else { return };
        let timing = self.timing(&record.flow);
        let Some(record) = self.clients.get_mut(id.0) else { return };
        if let Machine::Invite(machine) = &mut record.machine {
            let actions = machine.on_cancel(&timing, now);
            self.apply_client(id, actions, now);
        }
    }

    pub(super) fn client_timeout(&mut self, id: ClientId, now: Instant) {
        let Some(record) = self.clients.get(id.0) else { return };
        let timing = self.timing(&record.flow);
        let Some(record) = self.clients.get_mut(id.0) else { return };
        record.armed = None;
        let actions = match &mut record.machine {
            Machine::Invite(machine) => machine.on_timeout(&timing, now),
            Machine::NonInvite(machine) => machine.on_timeout(&timing, now),
        };
        if actions.contains(Action::SendRequest) {
            self.counters.retransmissions += 1;
        }
        self.apply_client(id, actions, now);
    }

    pub(super) fn client_transport_failed(&mut self, id: ClientId, now: Instant) {
        let Some(record) = self.clients.get_mut(id.0) else { return };
        self.counters.transport_failures += 1;
        let actions = match &mut record.machine {
            // It is the ACK that failed. The user has had its one final answer.
            Machine::Invite(machine @ ClientInvite::Completed { .. }) => {
                machine.on_transport_error().without(Action::ReportFailure)
            }
            Machine::Invite(machine) => machine.on_transport_error(),
            Machine::NonInvite(machine) => machine.on_transport_error(),
        };
        self.apply_client(id, actions, now);
    }

    fn insert_client(&mut self, record: ClientRecord) -> ClientId {
        let secret = record.secret;
        let id = self.clients.insert(record);
        let clients = &self.clients;
        self.clients_by_secret.insert_unique(secret, id.index, |&index| {
            clients.at(index).map_or(0, |(_, record)| record.secret)
        });
        ClientId(id)
    }

    /// Carries out what a machine asked for, then lets go of what is not needed any more.
    fn apply_client(&mut self, id: ClientId, actions: Actions, now: Instant) {
        let is_ours = self.clients.get(id.0).is_some_and(|record| record.is_own_cancel);
        for action in actions.iter() {
            match action {
                Action::SendRequest | Action::SendAck => self.send_client_message(id),
                Action::SendCancel => self.send_cancel(id, now),
                Action::ReportTimeout if !is_ours => {
                    self.counters.timeouts += 1;
                    self.effects.push_back(Effect::ClientTimedOut(id));
                }
                Action::ReportFailure if !is_ours => {
                    self.effects.push_back(Effect::ClientFailed(id));
                }
                Action::End => {
                    self.end_client(id);
                    return;
                }
                // Passing up is the return value of `receive_response`, nobody is told how a CANCEL
                // of ours ended, and the rest is for servers.
                Action::PassUp
                | Action::ReportTimeout
                | Action::ReportFailure
                | Action::SendResponse
                | Action::SendTrying => {}
            }
        }
        if let Some(record) = self.clients.get_mut(id.0) {
            if !record.machine.may_send() {
                record.held = Bytes::new();
            }
            let deadline = match &record.machine {
                Machine::Invite(machine) => machine.deadline(),
                Machine::NonInvite(machine) => machine.deadline(),
            };
            let deadline = deadline.map(|(at, _)| at);
            rearm(&mut self.wheel, &mut record.armed, deadline, Owner::Client(id));
        }
    }

    fn send_client_message(&mut self, id: ClientId) {
        let Some(record) = self.clients.get(id.0) else { return };
        if record.held.is_empty() {
            return;
        }
        let (flow, held) = (record.flow, record.held.clone());
        self.transmit(flow, held, Sender::Client(id));
    }

    fn send_cancel(&mut self, invite: ClientId, now: Instant) {
        let Some(record) = self.clients.get(invite.0) else { return };
        let Some(cancel) = hop::cancel(&record.held) else { return };
        // Section 9.1: with the branch of the INVITE, to where that one went.
        let (secret, flow) = (record.secret, record.flow);
        let (machine, actions) = Machine::start(Method::Cancel, &self.timing(&flow), now);
        let id = self.insert_client(ClientRecord {
            machine,
            secret,
            flow,
            held: cancel,
            method: Method::Cancel,
            is_own_cancel: true,
            armed: None,
        });
        self.open_cancels += 1;
        self.apply_client(id, actions, now);
    }

    /// RFC 3261 section 17.1.3: the branch, and the method in CSeq, which tells a CANCEL from its
    /// INVITE.
    fn find_client(&self, response: &Response) -> Option<ClientId> {
        let secret = Branch::secret_of(response.top_via().branch()?)?;
        let method = response.cseq().method;
        let is_it = |&index: &u32| {
            self.clients
                .at(index)
                .is_some_and(|(_, record)| record.secret == secret && record.method == method)
        };
        let index = self.clients_by_secret.find(secret, is_it)?;
        self.clients.at(*index).map(|(id, _)| ClientId(id))
    }

    fn end_client(&mut self, id: ClientId) {
        let Some(record) = self.clients.remove(id.0) else { return };
        if let Some(armed) = record.armed {
            self.wheel.cancel(armed.timer);
        }
        let index = id.0.index;
        if let Ok(entry) =
            self.clients_by_secret.find_entry(record.secret, |&candidate| candidate == index)
        {
            entry.remove();
        }
        if record.is_own_cancel {
            self.open_cancels -= 1;
        } else {
            self.effects.push_back(Effect::ClientEnded(id));
        }
    }
}

impl Machine {
    fn start(method: Method, timing: &Timing, now: Instant) -> (Self, Actions) {
        if method == Method::Invite {
            let (machine, actions) = ClientInvite::start(timing, now);
            (Self::Invite(machine), actions)
        } else {
            let (machine, actions) = ClientNonInvite::start(timing, now);
            (Self::NonInvite(machine), actions)
        }
    }

    /// Whether the state is one that may send its message again, or make an ACK or a CANCEL of it.
    fn may_send(&self) -> bool {
        match self {
            Self::Invite(machine) => match machine {
                ClientInvite::Calling { .. }
                | ClientInvite::Proceeding { .. }
                | ClientInvite::Completed { .. } => true,
                ClientInvite::Accepted { .. } | ClientInvite::Terminated => false,
            },
            Self::NonInvite(machine) => match machine {
                ClientNonInvite::Trying { .. } | ClientNonInvite::Proceeding { .. } => true,
                ClientNonInvite::Completed { .. } | ClientNonInvite::Terminated => false,
            },
        }
    }
}
