//! Responses on their way back (RFC 3261 section 16.7).

use bytes::Bytes;
use offhook_engine::Now;
use offhook_sip_core::{ClientId, ServerId};
use offhook_sip_message::{
    Flow, HeaderName, Method, Request, Response, ResponseBuilder, StatusCode,
};

use crate::action::{Action, CallReport, Report};
use crate::admission::Refusal;
use crate::branch::{Branch, BranchState};
use crate::calls::{Answer, HangUp};
use crate::context::{Context, ContextId, Final};
use crate::media::{Ended, Upstream};
use crate::proxy::{Proxy, Timer};

/// Whose a client transaction is.
#[derive(Clone, Debug)]
pub(crate) enum Owner {
    /// A branch of an open context.
    Branch(ContextId, usize),
    /// A branch of an INVITE that has been answered with 2xx: later 2xx still pass (RFC 6026 section
    /// 7.3), and nothing else does.
    Answered(Upstream),
}

/// The methods that pass, as told in Allow.
const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, REGISTER, PRACK, UPDATE, INFO, \
                     SUBSCRIBE, NOTIFY, PUBLISH, REFER, MESSAGE";

impl Proxy {
    pub(crate) fn receive_response(&mut self, response: Response, now: Now) {
        if !is_for_another(&response) {
            return;
        }
        // RFC 6026 section 8.9: a response without a transaction is dropped, not forwarded.
        let Some(client) = self.transactions.receive_response(&response, now.mono) else { return };
        match self.by_client.get(&client) {
            Some(&Owner::Branch(id, index)) if self.is_waiting_for(id, index, client) => {
                self.branch_answered(id, index, client, response, now);
            }
            Some(Owner::Answered(upstream)) if response.status().is_success() => {
                let upstream = upstream.clone();
                // A 2xx that was held up until its dialog was over is of no use to anybody, and would
                // have the relay set up what it has just been told to end.
                if !upstream.listed || self.call_answered(&upstream, &response, now) {
                    self.send_upstream(upstream, response, now);
                }
            }
            Some(Owner::Branch(..) | Owner::Answered(_)) | None => {}
        }
    }

    /// Whether this transaction is the one that a branch waits for.
    fn is_waiting_for(&self, id: ContextId, index: usize, client: ClientId) -> bool {
        let branch = self.contexts.get(&id).and_then(|context| context.branches.get(index));
        branch.is_some_and(|branch| branch.client() == Some(client))
    }

    fn branch_answered(
        &mut self,
        id: ContextId,
        index: usize,
        client: ClientId,
        response: Response,
        now: Now,
    ) {
        let status = response.status();
        if status.is_provisional() {
            return self.provisional(id, index, response, now);
        }
        self.end_branch(id, index);
        if status.is_success() {
            return self.succeed(id, client, response, now);
        }
        let Some(context) = self.contexts.get_mut(&id) else { return };
        context.finals.push(Final::Received(Box::new(response)));
        // Step 5: a 6xx ends the search, but is forwarded only when every branch has ended.
        if status.as_u16() >= 600 {
            self.cancel_branches(id, now);
        }
        self.finish_if_complete(id, now);
    }

    /// A branch ended without a response: `status` stands for it.
    pub(crate) fn branch_failed(&mut self, client: ClientId, status: StatusCode, now: Now) {
        let Some(&Owner::Branch(id, index)) = self.by_client.get(&client) else { return };
        // A branch that has its response has no use for the news that the ACK was not delivered.
        if !self.is_waiting_for(id, index, client) {
            return;
        }
        let Some(context) = self.contexts.get_mut(&id) else { return };
        let Some(branch) = context.branches.get_mut(index) else { return };
        let next = branch.alternatives.pop_front();
        if let (Some(flow), BranchState::Pending(_), false) =
            (next, branch.state, context.cancelled)
        {
            self.end_branch(id, index);
            self.launch(id, index, flow, now);
            return self.finish_if_complete(id, now);
        }
        context.finals.push(Final::Local(status));
        self.end_branch(id, index);
        self.finish_if_complete(id, now);
    }

    pub(crate) fn end_branch(&mut self, id: ContextId, index: usize) {
        let Some(context) = self.contexts.get_mut(&id) else { return };
        let Some(branch) = context.branches.get_mut(index) else { return };
        if let Some(timer) = branch.timer.take() {
            self.timers.cancel(timer);
        }
        branch.state = BranchState::Done;
    }

    fn provisional(&mut self, id: ContextId, index: usize, response: Response, now: Now) {
        let Some(context) = self.contexts.get_mut(&id) else { return };
        let Some(branch) = context.branches.get_mut(index) else { return };
        // Step 5: 100 is for the hop alone. And the caller is told nothing of a phone that is being
        // silenced.
        if response.status() == StatusCode::TRYING
            || !matches!(branch.state, BranchState::Pending(_))
        {
            return;
        }
        // Step 2: each provisional response but 100 starts timer C anew.
        if let Some(timer) = branch.timer.take() {
            self.timers.cancel(timer);
            let deadline = now.mono + self.config.timer_c;
            branch.timer = Some(self.timers.insert(deadline, Timer::C(id, index)));
        }
        if let Some(upstream) = Upstream::of(context) {
            self.send_upstream(upstream, response, now);
        }
    }

    /// A 2xx goes back at once and ends the other branches (steps 5 and 10).
    fn succeed(&mut self, id: ContextId, client: ClientId, response: Response, now: Now) {
        self.cancel_branches(id, now);
        let Some(context) = self.close(id) else { return };
        let Some(upstream) = Upstream::of(&context) else { return };
        if context.is_invite() {
            let others = context.branches.iter().filter_map(Branch::client);
            for client in others.chain([client]) {
                self.by_client.insert(client, Owner::Answered(upstream.clone()));
            }
            if context.listed {
                self.call_answered(&upstream, &response, now);
            }
        }
        self.after_bye(&context);
        self.send_upstream(upstream, response, now);
    }

    pub(crate) fn finish_if_complete(&mut self, id: ContextId, now: Now) {
        if self.contexts.get(&id).is_some_and(Context::is_complete) {
            self.finish(id, now);
        }
    }

    /// Every branch has ended without a 2xx: the best response goes back.
    fn finish(&mut self, id: ContextId, now: Now) {
        let Some(mut context) = self.close(id) else { return };
        let best = match context.take_best() {
            // What the caller asked for is what it hears, unless a callee knew better.
            Some(Final::Local(_)) | None if context.cancelled => {
                Final::Local(StatusCode::REQUEST_TERMINATED)
            }
            Some(best) => best,
            None => Final::Local(StatusCode::REQUEST_TIMEOUT),
        };
        if context.starts_call() {
            self.call_failed(&context, best.status());
        }
        if !matches!(best.status().as_u16(), 401 | 407) {
            self.after_bye(&context);
        }
        let Some(server) = context.server else { return };
        match best {
            // Step 6: a 503 would make the caller avoid this proxy, not the branch.
            Final::Received(response) if response.status() == StatusCode::SERVICE_UNAVAILABLE => {
                let refusal = Refusal::new(
                    StatusCode::SERVER_INTERNAL_ERROR,
                    "The called side is unavailable",
                );
                self.answer(server, &context.request, context.flow, &refusal, now);
            }
            Final::Received(response) => {
                let extra = other_challenges(&context.finals, response.status());
                let bytes = crate::forward::response(&response, None, &extra);
                self.transactions.respond(server, response.status(), bytes, now.mono);
            }
            Final::Local(status) => {
                let refusal = Refusal::new(status, local_reason(status));
                self.answer(server, &context.request, context.flow, &refusal, now);
            }
        }
    }

    /// Answers a request with an error of our own and says so in the log. An ACK has no answer.
    pub(crate) fn refuse(
        &mut self,
        server: Option<ServerId>,
        request: &Request,
        flow: Flow,
        refusal: &Refusal,
        now: Now,
    ) {
        let Some(server) = server else { return };
        self.act(Action::Report(Report::Refused {
            call_id: request.bytes().slice_ref(request.call_id()),
            status: refusal.status,
            reason: refusal.reason,
        }));
        self.answer(server, request, flow, refusal, now);
    }

    /// Answers a request from here.
    pub(crate) fn answer(
        &mut self,
        server: ServerId,
        request: &Request,
        flow: Flow,
        refusal: &Refusal,
        now: Now,
    ) {
        let tag = self.own_tag(request);
        let mut builder = ResponseBuilder::new(request, refusal.status, flow.remote);
        if refusal.status != StatusCode::TRYING {
            builder = builder.to_tag(tag.as_bytes());
        }
        if !refusal.reason.is_empty() {
            builder = builder.reason(refusal.reason);
        }
        if !self.config.server_name.is_empty() {
            builder = builder.header(HeaderName::Server, self.config.server_name.as_bytes());
        }
        for (name, value) in &refusal.headers {
            builder = builder.header(*name, value.as_bytes());
        }
        self.transactions.respond(server, refusal.status, builder.finish(), now.mono);
    }

    /// A request for the platform itself: OPTIONS tells what it can do (section 11.2).
    pub(crate) fn answer_for_platform(
        &mut self,
        server: Option<ServerId>,
        request: &Request,
        flow: Flow,
        now: Now,
    ) {
        let Some(server) = server else { return };
        let reply = if request.method() == Method::Options {
            Refusal::new(StatusCode::OK, "OK")
                .with(HeaderName::Allow, ALLOW.into())
                .with(HeaderName::Accept, "application/sdp".into())
                .with(HeaderName::Supported, "path".into())
        } else {
            Refusal::new(StatusCode::NOT_FOUND, "The Request-URI names no user")
        };
        self.answer(server, request, flow, &reply, now);
    }

    /// The To tag of our responses to a request: the same for each of them (section 8.2.6.2).
    fn own_tag(&self, request: &Request) -> String {
        use std::hash::BuildHasher;
        let from = request.from();
        format!("{:016x}", self.tags.hash_one((request.call_id(), from.tag())))
    }

    /// The dialog is over once a BYE has its final response, whatever it is.
    fn after_bye(&mut self, context: &Context) {
        if context.request.method() != Method::Bye {
            return;
        }
        let request = &context.request;
        let tags = [request.from().tag(), request.to().tag()].map(Option::unwrap_or_default);
        let hang_up = self.calls.hang_up(request.call_id(), tags);
        if context.relayed {
            let ended = match hang_up {
                HangUp::Over { by_callee: true, .. } => Ended::CallOfPeer,
                HangUp::Over { by_callee: false, .. } | HangUp::Unknown => Ended::CallOfSender,
                HangUp::OthersRemain => Ended::Dialog,
            };
            self.release_media(request, ended);
        }
        if let HangUp::Over { expiry, .. } = hang_up {
            self.timers.cancel(expiry);
            let call_id = request.bytes().slice_ref(request.call_id());
            self.report_call(call_id, CallReport::Ended);
        }
    }

    /// Notes a 2xx to a listed call; `false` if its dialog is over.
    fn call_answered(&mut self, upstream: &Upstream, response: &Response, now: Now) -> bool {
        let tag = Bytes::copy_from_slice(response.to().tag().unwrap_or_default());
        let answer = self.calls.answer(&upstream.call_id, tag, now.wall);
        if answer == Answer::First {
            self.report_call(upstream.call_id.clone(), CallReport::Answered);
        }
        answer != Answer::Late
    }

    /// A call ended before it was answered.
    pub(crate) fn call_failed(&mut self, context: &Context, status: StatusCode) {
        let request = &context.request;
        // A request that repeats the Call-ID of a listed call has no say in that one's media.
        if context.relayed && (context.listed || !self.calls.has(request.call_id())) {
            self.release_media(request, Ended::CallOfSender);
        }
        if !context.listed {
            return;
        }
        if let Some(expiry) = self.calls.end(request.call_id()) {
            self.timers.cancel(expiry);
            let call_id = request.bytes().slice_ref(request.call_id());
            self.report_call(call_id, CallReport::Failed(status));
        }
    }

    pub(crate) fn call_expired(&mut self, call_id: Bytes) {
        if self.calls.end(&call_id).is_some() {
            self.report_call(call_id, CallReport::Expired);
        }
    }
}

/// Whether a Via is left below ours, so that there is somebody to pass the response on to (section 16.7
/// step 3). The answers to our own CANCELs have none, and end here.
fn is_for_another(response: &Response) -> bool {
    response.cseq().method == Method::Cancel || response.values(HeaderName::Via).nth(1).is_some()
}

/// The challenges of the responses that were not chosen: the caller may have credentials for them
/// (section 16.7 step 7).
fn other_challenges(finals: &[Final], status: StatusCode) -> Vec<(HeaderName, Bytes)> {
    let mut challenges = Vec::new();
    if !matches!(status.as_u16(), 401 | 407) {
        return challenges;
    }
    for other in finals {
        let Final::Received(response) = other else { continue };
        for name in [HeaderName::WwwAuthenticate, HeaderName::ProxyAuthenticate] {
            for header in response.headers().filter(|header| header.name == name) {
                challenges.push((name, response.bytes().slice_ref(header.value)));
            }
        }
    }
    challenges
}

/// What a status that we made up for a branch means to the caller.
fn local_reason(status: StatusCode) -> &'static str {
    match status {
        StatusCode::REQUEST_TIMEOUT => "The called side did not answer in time",
        StatusCode::SERVICE_UNAVAILABLE => "The called side cannot be reached",
        _ => status.reason(),
    }
}
