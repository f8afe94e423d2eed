//! The shard: its tables, and the order in which the stages of a request follow each other.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use foldhash::fast::FixedState;
use offhook_engine::{Engine, Instant, Now, TimerWheel};
use offhook_sip_core::flow_token::FlowTokens;
use offhook_sip_core::{
    Authenticator, Capacity, ClientId, Effect, Received, ServerId, Transactions,
};
use offhook_sip_message::{Flow, Method, Request, StatusCode};
use smallvec::SmallVec;

use crate::action::{Action, CallReport, Input, MediaOutcome, Report, Token};
use crate::admission::{self, Refusal};
use crate::branch::Branch;
use crate::calls::{Call, Calls};
use crate::config::{AuthPolicy, ProxyConfig, ShardSeed};
use crate::context::{Context, ContextId};
use crate::response::Owner;
use crate::routing::{self, Next, Route};
use crate::wait::{Purpose, Waits};

/// One shard of the stateful proxy.
pub struct Proxy {
    pub(crate) config: Arc<ProxyConfig>,
    pub(crate) transactions: Transactions,
    pub(crate) authenticator: Authenticator,
    pub(crate) tokens: FlowTokens,
    pub(crate) contexts: HashMap<ContextId, Context, FixedState>,
    /// The INVITEs that a CANCEL may still end.
    pub(crate) by_server: HashMap<ServerId, ContextId, FixedState>,
    pub(crate) by_client: HashMap<ClientId, Owner, FixedState>,
    pub(crate) timers: TimerWheel<Timer>,
    /// Makes the To tags of our own responses.
    pub(crate) tags: FixedState,
    pub(crate) calls: Calls,
    next_context: u64,
    pub(crate) waits: Waits,
    actions: VecDeque<Action>,
    draining: bool,
}

/// Why the proxy wants to be woken.
#[derive(Clone, Debug)]
pub(crate) enum Timer {
    /// Timer C of an INVITE branch.
    C(ContextId, usize),
    /// A look-up takes too long.
    Wait(Token),
    /// A call has been listed for the longest duration.
    CallExpiry(Bytes),
}

/// The sizes of a shard's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Requests that are being handled.
    pub contexts: usize,
    /// Open server transactions.
    pub server_transactions: usize,
    /// Open client transactions.
    pub client_transactions: usize,
    /// Look-ups under way.
    pub lookups: usize,
    /// Calls in progress.
    pub calls: usize,
    /// Transactions whose events lead somewhere: to a context, or upstream after a 2xx.
    pub links: usize,
    /// Deadlines other than those of the transactions.
    pub timers: usize,
}

impl Proxy {
    /// A shard with nothing in it.
    #[must_use]
    pub fn new(config: Arc<ProxyConfig>, seed: ShardSeed) -> Self {
        let capacity = Capacity {
            max_server: config.max_transactions,
            max_client: config.max_transactions,
            ..Capacity::default()
        };
        Self {
            transactions: Transactions::new(config.timers, capacity, seed.identifiers),
            authenticator: Authenticator::new(config.authenticator.clone(), seed.nonce_key),
            tokens: FlowTokens::new(config.flow_token_key),
            contexts: HashMap::default(),
            by_server: HashMap::default(),
            by_client: HashMap::default(),
            timers: TimerWheel::new(),
            tags: FixedState::with_seed(seed.identifiers),
            calls: Calls::new(config.max_calls),
            next_context: 0,
            waits: Waits::new(),
            actions: VecDeque::new(),
            draining: false,
            config,
        }
    }

    /// The calls in progress.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter()
    }

    /// The sizes of the tables.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        Statistics {
            contexts: self.contexts.len(),
            server_transactions: self.transactions.open_server(),
            client_transactions: self.transactions.open_client(),
            lookups: self.waits.len(),
            calls: self.calls.len(),
            links: self.by_server.len() + self.by_client.len(),
            timers: self.timers.len(),
        }
    }

    fn receive_request(&mut self, request: Request, flow: Flow, now: Now) {
        match self.transactions.receive_request(&request, flow, now.mono) {
            Received::New(server) => self.open(Some(server), request, flow, now),
            Received::Ack => self.open(None, request, flow, now),
            Received::Cancel { cancel, invite } => {
                self.receive_cancel(cancel, invite, &request, flow, now);
            }
            Received::Retransmission | Received::AckAbsorbed(_) | Received::Refused => {}
        }
    }

    /// Opens the response context of a new request and takes it as far as it goes at once.
    fn open(&mut self, server: Option<ServerId>, request: Request, flow: Flow, now: Now) {
        let admitted = admission::admit(&request).and_then(|max_forwards| {
            Ok((max_forwards, routing::examine(&request, &self.config, &self.tokens)?))
        });
        let (max_forwards, route) = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => return self.refuse(server, &request, flow, &refusal, now),
        };
        let method = request.method();
        if server.is_none() && !self.takes_ack(&route) {
            return;
        }
        if route.next == Next::Platform {
            return self.answer_for_platform(server, &request, flow, now);
        }
        let invites = method == Method::Invite;
        if self.draining && invites && route.dialog.is_none() {
            let refusal = Refusal::unavailable("Shutting down");
            return self.refuse(server, &request, flow, &refusal, now);
        }
        if let (true, Some(server)) = (invites, server) {
            // Section 16.2: a proxy that has to look things up says 100 before the client repeats.
            self.answer(server, &request, flow, &Refusal::new(StatusCode::TRYING, ""), now);
        }
        let is_free = self.config.auth == AuthPolicy::Off || route.dialog.is_some();
        self.next_context += 1;
        let id = ContextId(self.next_context);
        if let (true, Some(server)) = (invites, server) {
            self.by_server.insert(server, id);
        }
        let context = Context {
            server,
            request,
            flow,
            route,
            max_forwards,
            relayed: false,
            listed: false,
            description: None,
            targets: Vec::new(),
            branches: SmallVec::new(),
            finals: Vec::new(),
            cancelled: false,
        };
        self.contexts.insert(id, context);
        if is_free {
            self.find_targets(id, now);
        } else {
            self.authenticate(id, now);
        }
    }

    /// Whether an ACK goes on. One that follows a 2xx carries our token, because each INVITE that
    /// passes is record-routed; any other acknowledges what its sender has made up, or comes too late
    /// for the failed INVITE that it was meant for. A laboratory without authentication takes it all the
    /// same: load generators often keep no route set. It opens no transaction, so its number is limited
    /// here.
    fn takes_ack(&self, route: &Route) -> bool {
        let is_trusted = route.dialog.is_some() || self.config.auth == AuthPolicy::Off;
        is_trusted && self.contexts.len() < self.config.max_transactions
    }

    /// Gives up a request with an answer of our own.
    pub(crate) fn fail(&mut self, id: ContextId, refusal: &Refusal, now: Now) {
        let Some(context) = self.close(id) else { return };
        if context.starts_call() {
            self.call_failed(&context, refusal.status);
        }
        self.refuse(context.server, &context.request, context.flow, refusal, now);
    }

    /// Takes a context out of the tables. Its branches' transactions go on by themselves.
    pub(crate) fn close(&mut self, id: ContextId) -> Option<Context> {
        let context = self.contexts.remove(&id)?;
        if let Some(server) = context.server {
            self.by_server.remove(&server);
        }
        for client in context.branches.iter().filter_map(Branch::client) {
            self.by_client.remove(&client);
        }
        Some(context)
    }

    /// Asks for something: `action` makes the question from the token.
    pub(crate) fn ask(&mut self, purpose: Purpose, now: Now, action: impl FnOnce(Token) -> Action) {
        let token = self.waits.next_token();
        let deadline =
            self.timers.insert(now.mono + self.config.lookup_timeout, Timer::Wait(token));
        self.waits.insert(token, purpose, deadline);
        self.actions.push_back(action(token));
    }

    pub(crate) fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    pub(crate) fn report_call(&mut self, call_id: Bytes, event: CallReport) {
        self.act(Action::Report(Report::Call { call_id, event }));
    }

    /// The purpose that an answer is for, if it is still wanted and the answer `fits` the question.
    fn answered(&mut self, token: Token, fits: fn(&Purpose) -> bool) -> Option<Purpose> {
        let (purpose, deadline) = self.waits.take(token, fits)?;
        self.timers.cancel(deadline);
        Some(purpose)
    }

    /// An answer that has not come in time counts as a failed look-up.
    fn wait_timed_out(&mut self, token: Token, now: Now) {
        let Some((purpose, _)) = self.waits.take(token, |_| true) else { return };
        match purpose {
            Purpose::Credentials(id) => {
                self.fail(id, &Refusal::unavailable("Directory unavailable"), now);
            }
            Purpose::Targets(id) => {
                self.fail(id, &Refusal::unavailable("Location unavailable"), now);
            }
            Purpose::Description(id) => {
                self.description_rewritten(id, MediaOutcome::Unavailable, now);
            }
            Purpose::NextHop(id, branch) => self.next_hop_resolved(id, branch, Vec::new(), now),
            Purpose::ResponseDescription(held) => {
                self.release_response(*held, MediaOutcome::Unavailable, now);
            }
        }
    }

    fn media_answered(&mut self, token: Token, outcome: MediaOutcome, now: Now) {
        let fits = |purpose: &Purpose| {
            matches!(purpose, Purpose::Description(_) | Purpose::ResponseDescription(_))
        };
        match self.answered(token, fits) {
            Some(Purpose::Description(id)) => self.description_rewritten(id, outcome, now),
            Some(Purpose::ResponseDescription(held)) => self.release_response(*held, outcome, now),
            Some(Purpose::Credentials(_) | Purpose::Targets(_) | Purpose::NextHop(..)) | None => {}
        }
    }

    fn drain_effects(&mut self, now: Now) {
        while let Some(effect) = self.transactions.poll() {
            match effect {
                Effect::Transmit { flow, bytes, ticket } => {
                    self.act(Action::Transmit { flow, bytes, ticket });
                }
                Effect::ClientTimedOut(client) => {
                    self.branch_failed(client, StatusCode::REQUEST_TIMEOUT, now);
                }
                // Section 16.9: a transport error counts as a 503 from the next hop.
                Effect::ClientFailed(client) => {
                    self.branch_failed(client, StatusCode::SERVICE_UNAVAILABLE, now);
                }
                Effect::ClientEnded(client) => {
                    self.by_client.remove(&client);
                }
                // The caller is gone; the branches end by themselves.
                Effect::ServerTimedOut(_) | Effect::ServerFailed(_) | Effect::ServerEnded(_) => {}
            }
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("statistics", &self.statistics()).finish_non_exhaustive()
    }
}

impl Engine for Proxy {
    type Input = Input;
    type Action = Action;

    fn handle(&mut self, input: Input, now: Now) {
        match input {
            Input::Request { request, flow } => self.receive_request(request, flow, now),
            Input::Response { response } => self.receive_response(response, now),
            Input::Credentials { token, found } => {
                let fits = |purpose: &Purpose| matches!(purpose, Purpose::Credentials(_));
                if let Some(Purpose::Credentials(id)) = self.answered(token, fits) {
                    self.credentials_found(id, found, now);
                }
            }
            Input::Targets { token, found } => {
                let fits = |purpose: &Purpose| matches!(purpose, Purpose::Targets(_));
                if let Some(Purpose::Targets(id)) = self.answered(token, fits) {
                    self.targets_found(id, found, now);
                }
            }
            Input::Addresses { token, addresses } => {
                let fits = |purpose: &Purpose| matches!(purpose, Purpose::NextHop(..));
                if let Some(Purpose::NextHop(id, branch)) = self.answered(token, fits) {
                    self.next_hop_resolved(id, branch, addresses, now);
                }
            }
            Input::Media { token, outcome } => self.media_answered(token, outcome, now),
            Input::SendFailed { ticket } => self.transactions.transport_failed(ticket, now.mono),
            Input::Drain(draining) => self.draining = draining,
        }
        self.drain_effects(now);
    }

    fn handle_timeout(&mut self, now: Now) {
        self.transactions.handle_timeout(now.mono);
        self.drain_effects(now);
        while let Some(timer) = self.timers.pop_due(now.mono) {
            match timer {
                Timer::C(id, branch) => self.timer_c_fired(id, branch, now),
                Timer::Wait(token) => self.wait_timed_out(token, now),
                Timer::CallExpiry(call_id) => self.call_expired(call_id),
            }
            self.drain_effects(now);
        }
    }

    fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn next_deadline(&self) -> Option<Instant> {
        [self.transactions.next_deadline(), self.timers.next_deadline()].into_iter().flatten().min()
    }
}
