//! The side that is called.

use std::time::Duration;

use offhook_engine::Instant;
use offhook_sip_core::ServerId;
use offhook_sip_message::Request;

use super::{Leg, LegState, PATIENCE, Phone, Task, code};
use crate::{Dialog, ReplySketch};

/// How a 2xx is repeated until it is acknowledged (RFC 3261 section 13.3.1.4).
const FIRST_REPEAT: Duration = Duration::from_millis(500);
const SLOWEST_REPEAT: Duration = Duration::from_secs(4);

/// When a phone that has said nothing says 100 (RFC 3261 section 17.2.1).
const TRYING_AFTER: Duration = Duration::from_millis(200);

/// What a phone does about a call that comes in.
#[derive(Clone, Debug)]
pub struct Reaction {
    /// How long after the INVITE each provisional response is sent, and its status.
    pub provisional: Vec<(Duration, u16)>,
    /// How long after the INVITE the final response is sent, and its status.
    pub final_response: (Duration, u16),
    /// How long after it was acknowledged the callee hangs up, if it does.
    pub hangs_up_after: Option<Duration>,
}

#[derive(Clone, Debug)]
pub(super) struct Ring {
    id: ServerId,
    request: Request,
    tag: String,
    answered_at: Instant,
    hangs_up_after: Option<Duration>,
}

impl Phone {
    /// What it will do about the next call for which nothing is planned yet; without a plan it is busy.
    pub fn expect_call(&mut self, reaction: Reaction) {
        self.reactions.push_back(reaction);
    }

    pub(super) fn ring(&mut self, id: ServerId, request: &Request, now: Instant) {
        let leg = self.legs.len();
        let busy = Reaction {
            provisional: Vec::new(),
            final_response: (Duration::ZERO, 486),
            hangs_up_after: None,
        };
        let reaction = self.reactions.pop_front().unwrap_or(busy);
        self.agenda.plan(now + TRYING_AFTER, Task::Respond(leg, 100));
        for (after, status) in reaction.provisional.into_iter().chain([reaction.final_response]) {
            self.agenda.plan(now + after, Task::Respond(leg, status));
        }
        let tag = format!("{}{leg}", self.name);
        self.legs.push(Leg {
            call_id: String::from_utf8_lossy(request.call_id()).into_owned(),
            is_caller: false,
            state: LegState::Ringing,
            since: now,
            unanswered_bye: None,
            is_unacknowledged: false,
            dialog: Dialog::of_callee(request, &tag),
            ring: Some(Ring {
                id,
                request: request.clone(),
                tag,
                answered_at: now,
                hangs_up_after: reaction.hangs_up_after,
            }),
        });
    }

    /// Responds to a call that still rings.
    pub(super) fn respond(&mut self, leg: usize, status: u16, now: Instant) {
        if self.legs[leg].state != LegState::Ringing {
            return;
        }
        self.send(leg, status, now);
        if status < 200 {
            return;
        }
        if status >= 300 {
            return self.set(leg, LegState::Over, now);
        }
        self.set(leg, LegState::Answered, now);
        if let Some(ring) = &mut self.legs[leg].ring {
            ring.answered_at = now;
        }
        self.agenda.plan(now + FIRST_REPEAT, Task::RepeatAnswer(leg, FIRST_REPEAT));
    }

    /// Repeats a 2xx that is not acknowledged, and ends the call if it never is.
    pub(super) fn repeat_answer(&mut self, leg: usize, interval: Duration, now: Instant) {
        let Leg { state: LegState::Answered, ring: Some(ring), .. } = &self.legs[leg] else {
            return;
        };
        if now - ring.answered_at >= PATIENCE {
            self.legs[leg].is_unacknowledged = true;
            return self.hang_up(leg, now);
        }
        self.send(leg, 200, now);
        let interval = (interval * 2).min(SLOWEST_REPEAT);
        self.agenda.plan(now + interval, Task::RepeatAnswer(leg, interval));
    }

    pub(super) fn receive_ack(&mut self, request: &Request, now: Instant) {
        let Some(leg) = self.leg_of(request) else { return };
        if self.legs[leg].state != LegState::Answered {
            return;
        }
        self.set(leg, LegState::InCall, now);
        let after = self.legs[leg].ring.as_ref().and_then(|ring| ring.hangs_up_after);
        if let Some(after) = after {
            self.agenda.plan(now + after, Task::HangUp(leg));
        }
    }

    pub(super) fn receive_cancel(
        &mut self,
        cancel: ServerId,
        invite: Option<ServerId>,
        request: &Request,
        now: Instant,
    ) {
        self.answer(cancel, request, if invite.is_some() { 200 } else { 481 }, now);
        let is_it = |leg: &Leg| leg.ring.as_ref().map(|ring| ring.id) == invite && invite.is_some();
        if let Some(leg) = self.legs.iter().position(is_it) {
            self.respond(leg, 487, now);
        }
    }

    fn send(&mut self, leg: usize, status: u16, now: Instant) {
        let Some(ring) = &self.legs[leg].ring else { return };
        let (host, id) = (self.flow.local, ring.id);
        let parameter = if self.flow.transport.is_reliable() { ";transport=tcp" } else { "" };
        let mut sketch = ReplySketch::new(&ring.request, status);
        if status > 100 {
            sketch = sketch.tag(&ring.tag);
        }
        if (101..300).contains(&status) {
            sketch = sketch.contact(&format!("sip:{}@{host}{parameter}", self.name));
        }
        if matches!(status, 183 | 200) && !ring.request.body().is_empty() {
            sketch = sketch.sdp(&format!("answer of {}", self.name));
        }
        self.layer.respond(id, code(status), sketch.bytes(), now);
    }
}
