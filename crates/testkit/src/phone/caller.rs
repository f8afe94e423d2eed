//! The side that calls.

use std::time::Duration;

use offhook_engine::Instant;
use offhook_sip_core::ClientId;
use offhook_sip_message::{Method, Response, StatusCode};

use super::{Leg, LegState, Phone, Purpose, Task};
use crate::Dialog;
use crate::messages::RequestSketch;

/// A call to be made.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Whom to call: the Request-URI.
    pub to: String,
    /// The Call-ID.
    pub call_id: String,
    /// The session description in the INVITE; none if it is empty.
    pub sdp: String,
    /// How long after the INVITE the caller loses patience.
    pub gives_up_after: Duration,
    /// How long after the answer the caller hangs up, if it does.
    pub hangs_up_after: Option<Duration>,
}

/// How a call attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// By this final response.
    Status(StatusCode),
    /// Nothing final came in time.
    TimedOut,
}

pub(super) struct Outgoing {
    attempt: Attempt,
    client: Option<ClientId>,
    gave_up: bool,
    outcomes: Vec<Outcome>,
    settled_at: Option<Instant>,
}

impl Phone {
    /// Makes a call.
    pub fn call(&mut self, attempt: Attempt, now: Instant) {
        let number = self.outgoing.len();
        let branch = self.layer.new_branch();
        let (transport, host) = (self.flow.transport.as_str(), self.flow.local);
        let parameter = if self.flow.transport.is_reliable() { ";transport=tcp" } else { "" };
        let mut sketch = RequestSketch::new("INVITE", &attempt.to)
            .via(&format!("SIP/2.0/{transport} {host};branch={branch};rport"))
            .from(&format!("<sip:{0}@example.com>;tag={0}{number}", self.name))
            .to(&format!("<{}>", attempt.to))
            .call_id(&attempt.call_id)
            .header("Contact", &format!("<sip:{}@{host}{parameter}>", self.name));
        if !attempt.sdp.is_empty() {
            sketch = sketch.sdp(&attempt.sdp);
        }
        self.agenda.plan(now + attempt.gives_up_after, Task::Cancel(number));
        let sent = self.layer.request(branch, Method::Invite, sketch.bytes(), self.flow, now);
        let client = sent.ok();
        if let Some(client) = client {
            self.by_client.insert(client, Purpose::Call(number));
        }
        self.outgoing.push(Outgoing {
            attempt,
            client,
            gave_up: false,
            outcomes: Vec::new(),
            settled_at: None,
        });
        self.settle(now);
    }

    /// How each call that it made ended: the Call-ID and what was heard, which is one thing if all is
    /// well; a 2xx of each fork counts once.
    pub fn outcomes(&self) -> impl Iterator<Item = (&str, &[Outcome])> {
        self.outgoing.iter().map(|call| (call.attempt.call_id.as_str(), call.outcomes.as_slice()))
    }

    pub(super) fn give_up(&mut self, number: usize, now: Instant) {
        let call = &mut self.outgoing[number];
        call.gave_up = true;
        if let Some(client) = call.client {
            self.layer.cancel(client, now);
        }
    }

    /// When it first heard how a call that it made ended.
    #[must_use]
    pub fn settled_at(&self, call_id: &str) -> Option<Instant> {
        self.outgoing.iter().find(|call| call.attempt.call_id == call_id)?.settled_at
    }

    pub(super) fn call_timed_out(&mut self, number: usize, now: Instant) {
        self.outgoing[number].settle(Outcome::TimedOut, now);
    }

    pub(super) fn call_answered(&mut self, number: usize, response: &Response, now: Instant) {
        let status = response.status();
        if status.is_provisional() {
            return;
        }
        if !status.is_success() {
            self.outgoing[number].settle(Outcome::Status(status), now);
            return;
        }
        let dialog = Dialog::of_caller(response);
        let known = |leg: &Leg| {
            leg.is_caller && leg.dialog.remote == dialog.remote && leg.call_id == dialog.call_id
        };
        let known = self.legs.iter().position(known);
        let leg = known.unwrap_or_else(|| self.begin(number, dialog, status, now));
        // RFC 3261 section 13.2.2.4: each copy of the 2xx is acknowledged.
        let branch = self.layer.new_branch().to_string();
        let ack = self.in_dialog(leg, "ACK", &branch);
        self.outbox.push_back(ack);
        // Whoever gave up, or is in the call with another fork already, hangs up at once.
        let call = &self.outgoing[number];
        if call.gave_up || known.is_none() && call.outcomes.len() > 1 {
            self.hang_up(leg, now);
        }
    }

    fn begin(&mut self, number: usize, dialog: Dialog, status: StatusCode, now: Instant) -> usize {
        let call = &mut self.outgoing[number];
        call.settle(Outcome::Status(status), now);
        let leg = self.legs.len();
        if let Some(after) = call.attempt.hangs_up_after {
            self.agenda.plan(now + after, Task::HangUp(leg));
        }
        self.legs.push(Leg {
            call_id: call.attempt.call_id.clone(),
            is_caller: true,
            state: LegState::InCall,
            since: now,
            unanswered_bye: None,
            is_unacknowledged: false,
            dialog,
            ring: None,
        });
        leg
    }
}

impl Outgoing {
    fn settle(&mut self, outcome: Outcome, now: Instant) {
        self.outcomes.push(outcome);
        self.settled_at.get_or_insert(now);
    }
}
