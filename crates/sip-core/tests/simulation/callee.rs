//! The end that answers requests.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use bytes::Bytes;
use offhook_engine::Instant;
use offhook_sip_core::{Effect, Received, ServerId, Transactions};
use offhook_sip_message::{Flow, Message, Method, Request, StatusCode};
use offhook_testkit::messages;

use crate::world::Agenda;

/// How a user that answers with a 2xx repeats it (RFC 3261 section 13.3.1.4).
const FIRST_REPEAT: Duration = Duration::from_millis(500);
const SLOWEST_REPEAT: Duration = Duration::from_secs(4);
const REPEATS_FOR: Duration = Duration::from_secs(32);

/// How a call is going to be answered.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// How long after the request each response is sent.
    pub(crate) answers: Vec<(Duration, StatusCode)>,
}

pub(crate) enum Task {
    Answer { id: ServerId, status: StatusCode },
    Repeat { id: ServerId, response: Bytes, interval: Duration, until: Instant },
}

struct Asked {
    number: usize,
    request: Request,
    decided: Option<StatusCode>,
    timed_out: bool,
    ended: usize,
}

pub(crate) struct Callee {
    pub(crate) layer: Transactions,
    pub(crate) agenda: Agenda<Task>,
    /// By the number of the call.
    pub(crate) scripts: Vec<Script>,
    asked: HashMap<ServerId, Asked>,
    acknowledged: HashSet<usize>,
}

impl Callee {
    pub(crate) fn new(layer: Transactions) -> Self {
        Self {
            layer,
            agenda: Agenda::new(),
            scripts: Vec::new(),
            asked: HashMap::new(),
            acknowledged: HashSet::new(),
        }
    }

    pub(crate) fn receive(&mut self, message: &Message, flow: Flow, now: Instant) {
        let Message::Request(request) = message else { panic!("the callee asked for nothing") };
        match self.layer.receive_request(request, flow, now) {
            Received::New(id) => self.take(id, request, now),

            Received::Cancel { cancel, invite } => self.take_cancel(cancel, invite, request, now),
            Received::Ack => {
                self.acknowledged.insert(number_of(request));
            }
            Received::Retransmission | Received::AckAbsorbed(_) => {}
            Received::Refused => panic!("there is room"),
        }
    }

    fn take(&mut self, id: ServerId, request: &Request, now: Instant) {
        let number = number_of(request);
        for (after, status) in &self.scripts[number].answers {
            self.agenda.plan(now + *after, Task::Answer { id, status: *status });
        }
        let request = request.clone();
        let asked = Asked { number, request, decided: None, timed_out: false, ended: 0 };
        self.asked.insert(id, asked);
    }

    fn take_cancel(
        &mut self,
        cancel: ServerId,
        invite: Option<ServerId>,
        request: &Request,
        now: Instant,
    ) {
        let status = if invite.is_some() { 200 } else { 481 };
        let response = messages::response_to(request, status, "b1");
        self.layer.respond(cancel, StatusCode::new(status).unwrap(), response, now);
        if let Some(invite) = invite {
            self.answer(invite, StatusCode::new(487).unwrap(), now);
        }
    }

    pub(crate) fn run_agenda(&mut self, now: Instant) {
        while let Some(task) = self.agenda.pop(now) {
            match task {
                Task::Answer { id, status } => self.answer(id, status, now),
                Task::Repeat { id, response, interval, until } => {
                    self.repeat(id, response, interval, until, now);
                }
            }
        }
    }

    /// Answers, unless the request has its final answer.
    fn answer(&mut self, id: ServerId, status: StatusCode, now: Instant) {
        let Some(asked) = self.asked.get_mut(&id) else { return };
        if asked.decided.is_some() {
            return;
        }
        let response = messages::response_to(&asked.request, status.as_u16(), "b1");
        if status.is_final() {
            asked.decided = Some(status);
        }
        self.layer.respond(id, status, response.clone(), now);
        if status.is_success() && asked.request.method() == Method::Invite {
            let until = now + REPEATS_FOR;
            let task = Task::Repeat { id, response, interval: FIRST_REPEAT, until };
            self.agenda.plan(now + FIRST_REPEAT, task);
        }
    }

    fn repeat(
        &mut self,
        id: ServerId,
        response: Bytes,
        interval: Duration,
        until: Instant,
        now: Instant,
    ) {
        let number = self.asked[&id].number;
        if self.acknowledged.contains(&number) || now >= until {
            return;
        }
        self.layer.respond(id, StatusCode::OK, response.clone(), now);
        let interval = (interval * 2).min(SLOWEST_REPEAT);
        self.agenda.plan(now + interval, Task::Repeat { id, response, interval, until });
    }

    pub(crate) fn note(&mut self, effect: &Effect) {
        match effect {
            Effect::ServerEnded(id) => {
                // A CANCEL's transaction is not in the list.
                if let Some(asked) = self.asked.get_mut(id) {
                    asked.ended += 1;
                }
            }
            Effect::ServerTimedOut(id) => {
                if let Some(asked) = self.asked.get_mut(id) {
                    asked.timed_out = true;
                }
            }
            other => panic!("not for a callee: {other:?}"),
        }
    }

    pub(crate) fn all_ended_once(&self) -> bool {
        self.asked.values().all(|asked| asked.ended == 1)
    }

    pub(crate) fn times_asked(&self, number: usize) -> usize {
        self.asked.values().filter(|asked| asked.number == number).count()
    }

    pub(crate) fn decision(&self, number: usize) -> Option<StatusCode> {
        self.asked.values().find(|asked| asked.number == number)?.decided
    }

    /// Whether it waited for an ACK or for its user in vain.
    pub(crate) fn timed_out(&self, number: usize) -> bool {
        self.asked.values().any(|asked| asked.number == number && asked.timed_out)
    }

    pub(crate) fn was_acknowledged(&self, number: usize) -> bool {
        self.acknowledged.contains(&number)
    }
}

fn number_of(request: &Request) -> usize {
    std::str::from_utf8(request.call_id()).unwrap().parse().unwrap()
}
