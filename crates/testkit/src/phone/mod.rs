//! A phone that follows a plan: it calls, rings, answers, gives up and hangs up, all by RFC 3261.
//!
//! It is built on the transaction layer alone and shares nothing with the proxy, so what it makes of a
//! proxy's messages is evidence. Time and messages are inputs; [`Phone::poll`] gives what it sends.

mod callee;
mod caller;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use offhook_engine::Instant;
use offhook_sip_core::{Capacity, ClientId, Effect, Received, ServerId, TimerConfig, Transactions};
use offhook_sip_message::{Flow, Message, Method, Request, Response, StatusCode};

pub use self::callee::Reaction;
use self::callee::Ring;
use self::caller::Outgoing;
pub use self::caller::{Attempt, Outcome};
use crate::messages;
use crate::{Agenda, Dialog};

/// How far one side of a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegState {
    /// It was called and has not given a final response.
    Ringing,
    /// It answered and waits for the ACK.
    Answered,
    /// The call is up.
    InCall,
    /// It has sent a BYE.
    HangingUp,
    /// It is over.
    Over,
}

/// One side of one call.
#[derive(Clone, Debug)]
pub struct Leg {
    /// The Call-ID.
    pub call_id: String,
    /// Whether this phone made the call.
    pub is_caller: bool,
    /// How far it has come.
    pub state: LegState,
    /// Since when.
    pub since: Instant,
    /// When it sent a BYE that nobody answered.
    pub unanswered_bye: Option<Instant>,
    /// Whether it answered and never got an ACK.
    pub is_unacknowledged: bool,
    dialog: Dialog,
    ring: Option<Ring>,
}

/// A phone with one address, all of whose messages go to one proxy.
pub struct Phone {
    name: String,
    flow: Flow,
    layer: Transactions,
    agenda: Agenda<Task>,
    legs: Vec<Leg>,
    outgoing: Vec<Outgoing>,
    by_client: HashMap<ClientId, Purpose>,
    reactions: VecDeque<Reaction>,
    /// Messages to be sent.
    outbox: VecDeque<Bytes>,
}

/// What a client transaction is for.
#[derive(Clone, Copy, Debug)]
enum Purpose {
    /// An outgoing call, by its number.
    Call(usize),
    /// The BYE of a leg.
    Bye(usize),
}

#[derive(Clone, Debug)]
enum Task {
    Cancel(usize),
    HangUp(usize),
    Respond(usize, u16),
    RepeatAnswer(usize, Duration),
}

/// The longest that anything is repeated (64*T1).
const PATIENCE: Duration = Duration::from_secs(32);

impl Phone {
    /// A phone whose messages travel by `flow`, seen from its side: `local` is the phone, `remote` the
    /// proxy.
    #[must_use]
    pub fn new(name: &str, flow: Flow, seed: u64) -> Self {
        Self {
            name: name.into(),
            flow,
            layer: Transactions::new(TimerConfig::default(), Capacity::default(), seed),
            agenda: Agenda::new(),
            legs: Vec::new(),
            outgoing: Vec::new(),
            by_client: HashMap::new(),
            reactions: VecDeque::new(),
            outbox: VecDeque::new(),
        }
    }

    /// The sides of calls that it has, or has had.
    #[must_use]
    pub fn legs(&self) -> &[Leg] {
        &self.legs
    }

    /// How many transactions are open.
    #[must_use]
    pub fn open_transactions(&self) -> usize {
        self.layer.open_client() + self.layer.open_server()
    }

    /// A message came in.
    pub fn receive(&mut self, message: &Message, now: Instant) {
        match message {
            Message::Request(request) => self.receive_request(request, now),
            Message::Response(response) => self.receive_response(response, now),
        }
        self.settle(now);
    }

    /// When to call [`Self::handle_timeout`].
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        [self.agenda.next(), self.layer.next_deadline()].into_iter().flatten().min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.layer.handle_timeout(now);
        self.settle(now);
        while let Some(task) = self.agenda.pop(now) {
            match task {
                Task::Cancel(number) => self.give_up(number, now),
                Task::HangUp(leg) => self.hang_up(leg, now),
                Task::Respond(leg, status) => self.respond(leg, status, now),
                Task::RepeatAnswer(leg, interval) => self.repeat_answer(leg, interval, now),
            }
            self.settle(now);
        }
    }

    /// The next message to be sent by the phone's flow.
    pub fn poll(&mut self) -> Option<Bytes> {
        self.outbox.pop_front()
    }

    fn receive_request(&mut self, request: &Request, now: Instant) {
        match self.layer.receive_request(request, self.flow, now) {
            Received::New(id) => {
                if request.method() == Method::Invite && request.to().tag().is_none() {
                    self.ring(id, request, now);
                } else if request.method() == Method::Bye {
                    self.receive_bye(id, request, now);
                } else {
                    self.answer(id, request, 481, now);
                }
            }
            Received::Cancel { cancel, invite } => {
                self.receive_cancel(cancel, invite, request, now);
            }
            Received::Ack => self.receive_ack(request, now),
            Received::Retransmission | Received::AckAbsorbed(_) | Received::Refused => {}
        }
    }

    fn receive_response(&mut self, response: &Response, now: Instant) {
        let Some(client) = self.layer.receive_response(response, now) else { return };
        match self.by_client.get(&client) {
            Some(&Purpose::Call(number)) => self.call_answered(number, response, now),
            Some(&Purpose::Bye(leg)) if response.status().is_final() => {
                self.set(leg, LegState::Over, now)
            }
            Some(Purpose::Bye(_)) | None => {}
        }
    }

    fn receive_bye(&mut self, id: ServerId, request: &Request, now: Instant) {
        match self.leg_of(request) {
            Some(leg) => {
                self.set(leg, LegState::Over, now);
                self.answer(id, request, 200, now);
            }
            None => self.answer(id, request, 481, now),
        }
    }

    /// Ends a call that is up.
    fn hang_up(&mut self, leg: usize, now: Instant) {
        if !matches!(self.legs[leg].state, LegState::InCall | LegState::Answered) {
            return;
        }
        self.set(leg, LegState::HangingUp, now);
        let branch = self.layer.new_branch();
        let bytes = self.in_dialog(leg, "BYE", &branch.to_string());
        if let Ok(client) = self.layer.request(branch, Method::Bye, bytes, self.flow, now) {
            self.by_client.insert(client, Purpose::Bye(leg));
        }
    }

    fn in_dialog(&mut self, leg: usize, method: &str, branch: &str) -> Bytes {
        let (transport, host) = (self.flow.transport.as_str(), self.flow.local.to_string());
        self.legs[leg].dialog.request(method, transport, &host, branch).bytes()
    }

    fn answer(&mut self, id: ServerId, request: &Request, status: u16, now: Instant) {
        let response = messages::response_to(request, status, &self.name);
        self.layer.respond(id, code(status), response, now);
    }

    /// The leg that an in-dialog request or a response belongs to.
    fn leg_of(&self, request: &Request) -> Option<usize> {
        let (from, to) = (request.from(), request.to());
        self.legs.iter().position(|leg| {
            leg.call_id.as_bytes() == request.call_id()
                && tag_of(&leg.dialog.local).as_bytes() == to.tag().unwrap_or_default()
                && tag_of(&leg.dialog.remote).as_bytes() == from.tag().unwrap_or_default()
        })
    }

    fn set(&mut self, leg: usize, state: LegState, now: Instant) {
        let leg = &mut self.legs[leg];
        if leg.state != LegState::Over && leg.state != state {
            (leg.state, leg.since) = (state, now);
        }
    }

    /// Carries out what the transaction layer wants.
    fn settle(&mut self, now: Instant) {
        while let Some(effect) = self.layer.poll() {
            match effect {
                Effect::Transmit { bytes, .. } => self.outbox.push_back(bytes),
                Effect::ClientTimedOut(id) | Effect::ClientFailed(id) => {
                    match self.by_client.get(&id) {
                        Some(&Purpose::Call(number)) => self.call_timed_out(number, now),
                        Some(&Purpose::Bye(leg)) => {
                            self.legs[leg].unanswered_bye = Some(self.legs[leg].since);
                            self.set(leg, LegState::Over, now);
                        }
                        None => {}
                    }
                }
                Effect::ClientEnded(id) => {
                    self.by_client.remove(&id);
                }
                Effect::ServerTimedOut(_) | Effect::ServerFailed(_) | Effect::ServerEnded(_) => {}
            }
        }
    }
}

impl std::fmt::Debug for Phone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Phone").field("name", &self.name).field("legs", &self.legs).finish()
    }
}

fn tag_of(value: &str) -> &str {
    value.split(";tag=").nth(1).unwrap_or_default()
}

fn code(status: u16) -> StatusCode {
    StatusCode::new(status).unwrap_or(StatusCode::SERVER_INTERNAL_ERROR)
}
