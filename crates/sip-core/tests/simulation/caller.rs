//! The end that sends requests.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use offhook_engine::Instant;
use offhook_sip_core::{ClientId, Effect, Transactions};
use offhook_sip_message::{Flow, Message, Method, Response, StatusCode};
use offhook_testkit::messages::RequestSketch;

use crate::world::Agenda;

/// When the caller loses patience with a call that neither fails nor is answered (the timer C of a
/// proxy).
const TIMER_C: Duration = Duration::from_secs(40);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Status(StatusCode),
    TimedOut,
}

/// One request, as planned and as it went.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) starts_at: Duration,
    /// How long after its start it is cancelled.
    pub(crate) cancelled_after: Option<Duration>,
    pub(crate) id: Option<ClientId>,
    /// What the user heard; exactly one thing, if all is well.
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) heard_at: Instant,
    pub(crate) repeated_2xx: usize,
    pub(crate) ended: usize,
}

impl Call {
    pub(crate) fn new(method: Method) -> Self {
        Self {
            method,
            starts_at: Duration::ZERO,
            cancelled_after: None,
            id: None,
            outcomes: Vec::new(),
            heard_at: Instant::ZERO,
            repeated_2xx: 0,
            ended: 0,
        }
    }
}

pub(crate) enum Task {
    Start(usize),
    Cancel(usize),
}

pub(crate) struct Caller {
    pub(crate) layer: Transactions,
    pub(crate) flow: Flow,
    pub(crate) agenda: Agenda<Task>,
    pub(crate) calls: Vec<Call>,
    /// ACKs for 2xx, which have no transaction.
    pub(crate) acks: Vec<Bytes>,
    numbers: HashMap<ClientId, usize>,
}

impl Caller {
    pub(crate) fn new(layer: Transactions, flow: Flow) -> Self {
        Self {
            layer,
            flow,
            agenda: Agenda::new(),
            calls: Vec::new(),
            acks: Vec::new(),
            numbers: HashMap::new(),
        }
    }

    pub(crate) fn place(&mut self, call: Call) {
        let number = self.calls.len();
        let start = Instant::ZERO + call.starts_at;
        self.agenda.plan(start, Task::Start(number));
        if let Some(after) = call.cancelled_after {
            self.agenda.plan(start + after, Task::Cancel(number));
        }
        self.agenda.plan(start + TIMER_C, Task::Cancel(number));
        self.calls.push(call);
    }

    pub(crate) fn run_agenda(&mut self, now: Instant) {
        while let Some(task) = self.agenda.pop(now) {
            match task {
                Task::Start(number) => self.start(number, now),
                Task::Cancel(number) => {
                    if let Some(id) = self.calls[number].id {
                        self.layer.cancel(id, now);
                    }
                }
            }
        }
    }

    fn start(&mut self, number: usize, now: Instant) {
        let method = self.calls[number].method;
        let branch = self.layer.new_branch();
        let request = self.sketch(number, method, &branch.to_string()).bytes();
        let id = self.layer.request(branch, method, request, self.flow, now).unwrap();
        self.calls[number].id = Some(id);
        self.numbers.insert(id, number);
    }

    fn sketch(&self, number: usize, method: Method, branch: &str) -> RequestSketch {
        let transport = self.flow.transport.as_str();
        RequestSketch::new(method.as_str(), "sip:bob@192.0.2.2")
            .via(&format!("SIP/2.0/{transport} 192.0.2.1:5060;branch={branch};rport"))
            .call_id(&number.to_string())
    }

    pub(crate) fn receive(&mut self, message: &Message, now: Instant) {
        let Message::Response(response) = message else { panic!("the callee sends no requests") };
        let Some(id) = self.layer.receive_response(response, now) else { return };
        if response.status().is_provisional() {
            return;
        }
        let number = self.numbers[&id];
        let outcome = Outcome::Status(response.status());
        let call = &mut self.calls[number];
        assert_eq!(call.ended, 0, "call {number} has ended");
        let is_2xx_to_invite = call.method == Method::Invite && response.status().is_success();
        if is_2xx_to_invite && call.outcomes == [outcome] {
            call.repeated_2xx += 1;
        } else {
            call.outcomes.push(outcome);
            call.heard_at = now;
        }
        if is_2xx_to_invite {
            self.acknowledge(number, response);
        }
    }

    fn acknowledge(&mut self, number: usize, response: &Response) {
        let branch = self.layer.new_branch().to_string();
        let to = String::from_utf8_lossy(response.header_by_name("To").unwrap()).into_owned();
        self.acks.push(self.sketch(number, Method::Ack, &branch).to(&to).bytes());
    }

    pub(crate) fn note(&mut self, effect: &Effect) {
        match effect {
            Effect::ClientTimedOut(id) => {
                self.calls[self.numbers[id]].outcomes.push(Outcome::TimedOut);
            }
            Effect::ClientEnded(id) => self.calls[self.numbers[id]].ended += 1,
            other => panic!("not for a caller: {other:?}"),
        }
    }
}
