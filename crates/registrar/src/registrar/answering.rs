//! The final answers, each counted once.

use std::hash::BuildHasher;

use bytes::Bytes;
use offhook_engine::Now;
use offhook_sip_core::ServerId;
use offhook_sip_message::{Flow, Request, StatusCode};

use super::{Arrival, Registrar};
use crate::answer;
use crate::interface::{Action, Report};
use crate::refusal::Refusal;

impl Registrar {
    pub(super) fn accept(&mut self, arrival: &Arrival, now: Now) {
        let tag = self.tag(&arrival.request);
        let bindings = self.table.live(&arrival.aor, now.mono);
        let response = answer::accepted(&arrival.request, &arrival.flow, &tag, bindings, now);
        self.transactions.respond(arrival.server, StatusCode::OK, response, now.mono);
    }

    pub(super) fn challenge(&mut self, arrival: &Arrival, stale: bool, now: Now) {
        let Some(authenticator) = &mut self.authenticator else { return };
        let challenge = authenticator.challenge(&arrival.request, stale, now);
        self.counters.challenged += 1;
        let tag = self.tag(&arrival.request);
        let response = answer::challenged(&arrival.request, &arrival.flow, &tag, &challenge);
        self.transactions.respond(arrival.server, challenge.0, response, now.mono);
    }

    pub(super) fn turn_away(&mut self, arrival: &Arrival, why: &'static str, now: Now) {
        let refusal = Refusal::Unavailable(why, self.config.retry_after_s);
        self.refuse_arrival(arrival, &refusal, now);
    }

    pub(super) fn refuse_arrival(&mut self, arrival: &Arrival, refusal: &Refusal, now: Now) {
        self.refuse(arrival.server, &arrival.request, &arrival.flow, refusal, now);
    }

    pub(super) fn refuse(
        &mut self,
        server: ServerId,
        request: &Request,
        flow: &Flow,
        refusal: &Refusal,
        now: Now,
    ) {
        match refusal {
            Refusal::Unavailable(..) => self.counters.unavailable += 1,
            Refusal::Malformed(_)
            | Refusal::MethodNotAllowed
            | Refusal::ForeignDomain
            | Refusal::UnknownUser
            | Refusal::NotOwner
            | Refusal::UnsupportedExtensions(_)
            | Refusal::IntervalTooBrief(_)
            | Refusal::TooManyBindings
            | Refusal::OutOfOrder
            | Refusal::TooLong => self.counters.refused += 1,
        }
        self.actions.push_back(Action::Report(Report::Refused {
            call_id: request.bytes().slice_ref(request.call_id()),
            status: refusal.status(),
            reason: refusal.reason().unwrap_or_else(|| refusal.status().reason()),
        }));
        let response: Bytes = answer::refused(request, flow, &self.tag(request), refusal);
        self.transactions.respond(server, refusal.status(), response, now.mono);
    }

    /// The To tag of our answers: the same for a request that comes again after its transaction is over.
    pub(super) fn tag(&self, request: &Request) -> String {
        let from_tag = request.from().tag();
        let hash = self.tags.hash_one((request.call_id(), from_tag, request.cseq().number));
        format!("{hash:016x}")
    }
}
