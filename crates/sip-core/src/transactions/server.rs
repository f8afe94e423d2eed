//! The server side: requests that come in, and the responses to them.

use std::hash::BuildHasher;
use std::net::SocketAddr;

use bytes::Bytes;
use offhook_engine::Instant;
use offhook_sip_message::{
    Flow, HeaderName, Limits, Message, Method, Request, ResponseBuilder, StatusCode,
};

use super::request_key::{RequestKey, sent_by_port};
use super::{Armed, Effect, Owner, Received, Sender, ServerId, SlotId, Transactions, hop, rearm};
use crate::action::{Action, Actions};
use crate::server_invite::ServerInvite;
use crate::server_non_invite::ServerNonInvite;

pub(super) struct ServerRecord {
    machine: Machine,
    key: RequestKey,
    /// Where responses go.
    flow: Flow,
    /// The port of the sent-by, where a client that lost its connection listens.
    sent_by_port: u16,
    /// Whether `flow` is the way that section 18.2.2 falls back on.
    rerouted: bool,
    held: Held,
    armed: Option<Armed>,
}

#[derive(Clone, Copy)]
enum Machine {
    Invite(ServerInvite),
    NonInvite(ServerNonInvite),
}

/// The message that may be needed again.
enum Held {
    Nothing,
    /// The request, from which a 100 is made if the user stays silent.
    Request(Bytes),
    /// The latest response.
    Response(Bytes),
}

impl Transactions {
    /// A request came in over `flow`, whose `remote` is the source of the packet.
    ///
    /// Finds the transaction that it repeats, acknowledges or cancels, or opens one (RFC 3261
    /// section 17.2.3).
    pub fn receive_request(&mut self, request: &Request, flow: Flow, now: Instant) -> Received {
        let key = RequestKey::of(request);
        let known = self.find_server(&key);
        if request.method() == Method::Ack {
            return self.receive_ack(request, &key, known, now);
        }
        if let Some(id) = known {
            self.counters.request_repeats += 1;
            let Some(record) = self.servers.get_mut(id.0) else { return Received::Retransmission };
            let actions = match &mut record.machine {
                Machine::Invite(machine) => machine.on_repeat(),
                Machine::NonInvite(machine) => machine.on_repeat(),
            };
            if actions.contains(Action::SendResponse) {
                self.counters.retransmissions += 1;
            }
            self.apply_server(id, actions);
            return Received::Retransmission;
        }
        let is_cancel = request.method() == Method::Cancel;
        let invite =
            if is_cancel { self.find_server(&RequestKey::of_cancelled(request)) } else { None };
        // Refusing the CANCEL of an open INVITE would keep that one's room occupied.
        if self.servers.len() >= self.capacity.max_server && invite.is_none() {
            self.refuse(request, flow);
            return Received::Refused;
        }
        let id = self.open_server_transaction(request, key, flow, now);
        if is_cancel { Received::Cancel { cancel: id, invite } } else { Received::New(id) }
    }

    /// Answers a request. `response` is the whole message; `status` is its status code.
    ///
    /// A response that the state does not allow (a second final one, say) is dropped; see
    /// [`ServerInvite`] and [`ServerNonInvite`].
    pub fn respond(&mut self, id: ServerId, status: StatusCode, response: Bytes, now: Instant) {
        let Some(record) = self.servers.get(id.0) else { return };
        let timing = self.timing(&record.flow);
        let Some(record) = self.servers.get_mut(id.0) else { return };
        let actions = match &mut record.machine {
            Machine::Invite(machine) => machine.on_answer(status, &timing, now),
            Machine::NonInvite(machine) => machine.on_answer(status, &timing, now),
        };
        if actions.contains(Action::SendResponse) {
            record.held = Held::Response(response);
        }
        self.apply_server(id, actions);
    }

    /// Where the responses of an open transaction go.
    #[must_use]
    pub fn server_flow(&self, id: ServerId) -> Option<Flow> {
        self.servers.get(id.0).map(|record| record.flow)
    }

    fn receive_ack(
        &mut self,
        ack: &Request,
        key: &RequestKey,
        known: Option<ServerId>,
        now: Instant,
    ) -> Received {
        let Some(id) = known else { return Received::Ack };
        let Some(record) = self.servers.get(id.0) else { return Received::Ack };
        if key.is_rfc_2543() && !record.answered_with_tag_of(ack) {
            return Received::Ack;
        }
        let timing = self.timing(&record.flow);
        let Some(record) = self.servers.get_mut(id.0) else { return Received::Ack };
        let actions = match &mut record.machine {
            Machine::Invite(machine) => machine.on_ack(&timing, now),
            // An ACK has the key of an INVITE, so this is not the ACK's transaction.
            Machine::NonInvite(_) => return Received::Ack,
        };
        self.apply_server(id, actions);
        if actions.contains(Action::PassUp) {
            return Received::Ack;
        }
        self.counters.request_repeats += 1;
        Received::AckAbsorbed(id)
    }

    fn open_server_transaction(
        &mut self,
        request: &Request,
        key: RequestKey,
        flow: Flow,
        now: Instant,
    ) -> ServerId {
        let timing = self.timing(&flow);
        let (machine, held) = if request.method() == Method::Invite {
            (Machine::Invite(ServerInvite::start().0), Held::Nothing)
        } else {
            let (machine, _) = ServerNonInvite::start(&timing, now);
            (Machine::NonInvite(machine), Held::Request(request.bytes().clone()))
        };
        let hash = self.hasher.hash_one(&key);
        let via = request.top_via();
        let sent_by_port = sent_by_port(&via);
        let id = self.servers.insert(ServerRecord {
            machine,
            key,
            flow: response_flow(flow, via.rport().is_some(), sent_by_port),
            sent_by_port,
            rerouted: false,
            held,
            armed: None,
        });
        let (servers, hasher) = (&self.servers, &self.hasher);
        self.servers_by_key.insert_unique(hash, id.index, |&index| {
            servers.at(index).map_or(0, |(_, record)| hasher.hash_one(&record.key))
        });
        self.rearm_server(ServerId(id));
        ServerId(id)
    }

    pub(super) fn server_timeout(&mut self, id: ServerId, now: Instant) {
        let Some(record) = self.servers.get(id.0) else { return };
        let timing = self.timing(&record.flow);
        let Some(record) = self.servers.get_mut(id.0) else { return };
        record.armed = None;
        let actions = match &mut record.machine {
            Machine::Invite(machine) => machine.on_timeout(&timing, now),
            Machine::NonInvite(machine) => machine.on_timeout(now),
        };
        if actions.contains(Action::SendResponse) {
            self.counters.retransmissions += 1;
        }
        self.apply_server(id, actions);
    }

    pub(super) fn server_transport_failed(&mut self, id: ServerId) {
        let Some(record) = self.servers.get_mut(id.0) else { return };
        self.counters.transport_failures += 1;
        // RFC 3261 section 18.2.2: with the connection gone, try the address that the request came
        // from at the port of the sent-by. Once.
        if record.flow.connection.is_some() && !record.rerouted {
            record.rerouted = true;
            let remote = SocketAddr::new(record.flow.remote.ip(), record.sent_by_port);
            record.flow = Flow { remote, connection: None, ..record.flow };
            self.apply_server(id, Action::SendResponse.into());
            return;
        }
        let actions = match &mut record.machine {
            Machine::Invite(machine) => machine.on_transport_error(),
            Machine::NonInvite(machine) => machine.on_transport_error(),
        };
        self.apply_server(id, actions);
    }

    /// Carries out what a machine asked for, then lets go of what is not needed any more.
    fn apply_server(&mut self, id: ServerId, actions: Actions) {
        for action in actions.iter() {
            match action {
                Action::SendResponse => self.send_held(id),
                Action::SendTrying => self.send_trying(id),
                Action::ReportTimeout => {
                    self.counters.timeouts += 1;
                    self.effects.push_back(Effect::ServerTimedOut(id));
                }
                Action::ReportFailure => self.effects.push_back(Effect::ServerFailed(id)),
                Action::End => {
                    self.end_server(id);
                    return;
                }
                // Passing up is the return value of `receive_request`; the rest is for clients.
                Action::PassUp | Action::SendRequest | Action::SendAck | Action::SendCancel => {}
            }
        }
        if let Some(record) = self.servers.get_mut(id.0)
            && !record.machine.may_repeat()
        {
            record.held = Held::Nothing;
        }
        self.rearm_server(id);
    }

    fn send_held(&mut self, id: ServerId) {
        let Some(record) = self.servers.get(id.0) else { return };
        if let Held::Response(response) = &record.held {
            let (flow, response) = (record.flow, response.clone());
            self.transmit(flow, response, Sender::Server(id));
        }
    }

    fn send_trying(&mut self, id: ServerId) {
        let Some(record) = self.servers.get_mut(id.0) else { return };
        if let Held::Request(request) = &record.held
            && let Some(request) = hop::parse_own(request)
        {
            let trying =
                ResponseBuilder::new(&request, StatusCode::TRYING, record.flow.remote).finish();
            record.held = Held::Response(trying);
            self.send_held(id);
        }
    }

    /// Answers 503 without keeping state. The tag depends on nothing but the request, so that a
    /// repeated request gets the same one (RFC 3261 section 8.2.7).
    fn refuse(&mut self, request: &Request, flow: Flow) {
        self.counters.refused += 1;
        let via = request.top_via();
        let sent_by_port = sent_by_port(&via);
        let answer_to = response_flow(flow, via.rport().is_some(), sent_by_port);
        let tag = self.hasher.hash_one((self.tag_key, RequestKey::of(request)));
        let response = ResponseBuilder::new(request, StatusCode::SERVICE_UNAVAILABLE, flow.remote)
            .to_tag(format!("{tag:016x}").as_bytes())
            .header(HeaderName::RetryAfter, self.capacity.retry_after_s.to_string().as_bytes())
            .finish();
        self.transmit(answer_to, response, Sender::Nobody);
    }

    fn find_server(&self, key: &RequestKey) -> Option<ServerId> {
        let is_it =
            |&index: &u32| self.servers.at(index).is_some_and(|(_, record)| record.key == *key);
        let index = self.servers_by_key.find(self.hasher.hash_one(key), is_it)?;
        self.servers.at(*index).map(|(id, _)| ServerId(id))
    }

    fn end_server(&mut self, id: ServerId) {
        let Some(record) = self.servers.remove(id.0) else { return };
        if let Some(armed) = record.armed {
            self.wheel.cancel(armed.timer);
        }
        let SlotId { index, .. } = id.0;
        let hash = self.hasher.hash_one(&record.key);
        if let Ok(entry) = self.servers_by_key.find_entry(hash, |&candidate| candidate == index) {
            entry.remove();
        }
        self.effects.push_back(Effect::ServerEnded(id));
    }

    fn rearm_server(&mut self, id: ServerId) {
        if let Some(record) = self.servers.get_mut(id.0) {
            let deadline = match &record.machine {
                Machine::Invite(machine) => machine.deadline(),
                Machine::NonInvite(machine) => machine.deadline(),
            };
            let deadline = deadline.map(|(at, _)| at);
            rearm(&mut self.wheel, &mut record.armed, deadline, Owner::Server(id));
        }
    }
}

impl ServerRecord {
    /// Whether `ack` carries the To tag of the response that it would acknowledge (RFC 3261
    /// section 17.2.3, for clients that follow RFC 2543).
    fn answered_with_tag_of(&self, ack: &Request) -> bool {
        let Held::Response(response) = &self.held else {
            // Nothing to compare with: the response needs no repeating, so it is acknowledged.
            return true;
        };
        match Message::parse(response.clone(), &Limits::default()) {
            Ok(Message::Response(response)) => response.to().tag() == ack.to().tag(),
            Ok(Message::Request(_)) | Err(_) => false,
        }
    }
}

impl Machine {
    /// Whether the state is one that sends its message again, or makes a 100 from the request.
    fn may_repeat(&self) -> bool {
        match self {
            Self::Invite(machine) => match machine {
                ServerInvite::Proceeding { .. } | ServerInvite::Completed { .. } => true,
                ServerInvite::Confirmed { .. }
                | ServerInvite::Accepted { .. }
                | ServerInvite::Terminated => false,
            },
            Self::NonInvite(machine) => match machine {
                ServerNonInvite::Trying { .. }
                | ServerNonInvite::Proceeding { .. }
                | ServerNonInvite::Completed { .. } => true,
                ServerNonInvite::Unanswered { .. } | ServerNonInvite::Terminated => false,
            },
        }
    }
}

/// Where the responses to a request that came in over `flow` go (RFC 3261 section 18.2.2, RFC 3581
/// section 4).
fn response_flow(flow: Flow, has_rport: bool, sent_by_port: u16) -> Flow {
    if flow.transport.is_reliable() || has_rport {
        return flow;
    }
    Flow { remote: SocketAddr::new(flow.remote.ip(), sent_by_port), ..flow }
}
