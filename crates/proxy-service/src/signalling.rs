//! The shards of the two engines, and the thread that received a message carrying it through them.
//!
//! Run to completion: whoever has news for an engine locks its shard, steps it, drains its actions into
//! its own outbox and unlocks. What memory can answer is answered within the same step; the rest goes
//! to a task that comes back with the answer. Locks are taken in one order, proxy before registrar.

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use bytes::Bytes;
use foldhash::fast::FixedState;
use offhook_engine::{Engine, Now};
use offhook_location_store::{StoreError, Writer};
use offhook_platform::{Drain, SystemClock};
use offhook_proxy::{
    Action as ProxyAction, CredentialsFound, Input as ProxyInput, MediaOutcome, MediaVerb, Proxy,
    TargetsFound, Token,
};
use offhook_registrar::{
    Action as RegistrarAction, CredentialsFound as RegistrarCredentials, Input as RegistrarInput,
    LoadedBinding, Registrar, StoreOutcome,
};
use offhook_sip_core::Domains;
use offhook_sip_message::{Flow, Limits, Message, Method, Request, reject};
use offhook_sip_transport::{Inbound, Outbound, Outbox, Receiver, Ticket, Transports};

use crate::bindings;
use crate::directory_cache::{DirectoryCache, Known};
use crate::media_control::{self, MediaControl};
use crate::metrics::SipMetrics;
use crate::report;

/// How many shards each engine has for each worker thread: enough that two workers seldom meet.
pub(crate) const SHARDS_PER_WORKER: usize = 4;

/// Everything that signalling needs, shared by the workers.
pub(crate) struct Signalling {
    pub(crate) proxies: Vec<Mutex<Proxy>>,
    pub(crate) registrars: Vec<Mutex<Registrar>>,
    pub(crate) domains: Arc<Domains>,
    pub(crate) limits: Limits,
    pub(crate) clock: SystemClock,
    pub(crate) drain: Drain,
    pub(crate) directory: DirectoryCache,
    /// Whether users have to prove who they are; if not, anybody may register as anybody.
    pub(crate) authenticate: bool,
    pub(crate) writer: Writer,
    pub(crate) media: MediaControl,
    pub(crate) metrics: SipMetrics,
    pub(crate) runtime: tokio::runtime::Handle,
    /// Spreads keys over shards; seeded, so that nobody outside can aim at one shard.
    pub(crate) spread: FixedState,
    pub(crate) transports: OnceLock<Transports>,
    pub(crate) me: Weak<Self>,
}

/// Why an engine is stepped.
enum Step<I> {
    Input(I),
    Timeout,
}

/// Which engine's shard sent a message, as the owner of its ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Proxy(usize),
    Registrar(usize),
}

impl Owner {
    fn ticket(self, number: u64) -> Ticket {
        let (engine, shard) = match self {
            Self::Proxy(shard) => (0, shard),
            Self::Registrar(shard) => (1, shard),
        };
        Ticket { owner: (shard as u32) << 1 | engine, number }
    }

    fn of(ticket: Ticket) -> Self {
        let shard = (ticket.owner >> 1) as usize;
        if ticket.owner & 1 == 0 { Self::Proxy(shard) } else { Self::Registrar(shard) }
    }
}

impl Signalling {
    /// Tells a proxy shard something and does what it asks for.
    pub(crate) fn tell_proxy(&self, shard: usize, input: ProxyInput, out: &mut Outbox) {
        self.step_proxy(shard, Step::Input(input), out);
    }

    /// Tells a registrar shard something and does what it asks for.
    pub(crate) fn tell_registrar(&self, shard: usize, input: RegistrarInput, out: &mut Outbox) {
        self.step_registrar(shard, Step::Input(input), out);
    }

    /// Fires what is due in every shard.
    pub(crate) fn fire_timers(&self, out: &mut Outbox) {
        let now = self.clock.now();
        let is_due = |deadline: Option<_>| deadline.is_some_and(|at| at <= now.mono);
        for shard in 0..self.proxies.len() {
            let due = is_due(lock(&self.proxies[shard]).next_deadline());
            if due {
                self.step_proxy(shard, Step::Timeout, out);
            }
        }
        for shard in 0..self.registrars.len() {
            let due = is_due(lock(&self.registrars[shard]).next_deadline());
            if due {
                self.step_registrar(shard, Step::Timeout, out);
            }
        }
    }

    /// Has no new calls taken from now on.
    pub(crate) fn refuse_new_calls(&self) {
        self.tell_and_send(|out| {
            for shard in 0..self.proxies.len() {
                self.tell_proxy(shard, ProxyInput::Drain(true), out);
            }
        });
    }

    fn step_proxy(&self, shard: usize, step: Step<ProxyInput>, out: &mut Outbox) {
        let now = self.clock.now();
        let mut proxy = lock(&self.proxies[shard]);
        match step {
            Step::Input(input) => proxy.handle(input, now),
            Step::Timeout => proxy.handle_timeout(now),
        }
        let mut answers = VecDeque::new();
        loop {
            while let Some(action) = proxy.poll_action() {
                answers.extend(self.proxy_action(shard, action, now, out));
            }
            match answers.pop_front() {
                Some(answer) => proxy.handle(answer, now),
                None => break,
            }
        }
    }

    /// Does what a proxy shard asks for. An answer that is at hand is returned at once.
    fn proxy_action(
        &self,
        shard: usize,
        action: ProxyAction,
        now: Now,
        out: &mut Outbox,
    ) -> Option<ProxyInput> {
        match action {
            ProxyAction::Transmit { flow, bytes, ticket } => {
                let ticket = Owner::Proxy(shard).ticket(ticket);
                out.push(Outbound { flow, bytes, ticket });
                None
            }
            ProxyAction::FindCredentials { token, aor } => self.credentials(shard, token, aor),
            ProxyAction::FindTargets { token, aor } => self.targets(shard, token, aor, now),
            ProxyAction::Resolve { token, host, port, .. } => {
                self.tell_proxy_later(shard, async move {
                    let found = tokio::net::lookup_host((host.as_str(), port)).await;
                    let addresses = found.map(Iterator::collect).unwrap_or_default();
                    ProxyInput::Addresses { token, addresses }
                });
                None
            }
            ProxyAction::Media { token, call_id, verb } => self.media(shard, token, call_id, verb),
            ProxyAction::Report(report) => {
                report::proxy(&report, &self.metrics);
                None
            }
        }
    }

    fn credentials(&self, shard: usize, token: Token, aor: String) -> Option<ProxyInput> {
        if let Some(known) = self.directory.remembered(&aor) {
            return Some(ProxyInput::Credentials { token, found: credentials(known) });
        }
        let me = self.me.upgrade()?;
        self.tell_proxy_later(shard, async move {
            let found = match me.directory.find(&aor).await {
                Ok(known) => credentials(known),
                Err(error) => {
                    tracing::warn!(%error, "directory unavailable");
                    CredentialsFound::Unavailable
                }
            };
            ProxyInput::Credentials { token, found }
        });
        None
    }

    /// The bindings of an address of record; without any, the directory says whether there is such a
    /// user at all.
    fn targets(&self, shard: usize, token: Token, aor: String, now: Now) -> Option<ProxyInput> {
        let targets = {
            let registrar = lock(&self.registrars[self.registrar_shard(&aor)]);
            bindings::targets(&registrar, &aor, now)
        };
        if !targets.is_empty() {
            return Some(ProxyInput::Targets { token, found: TargetsFound::Bindings(targets) });
        }
        if let Some(known) = self.directory.remembered(&aor) {
            return Some(ProxyInput::Targets { token, found: absent(&known) });
        }
        let me = self.me.upgrade()?;
        self.tell_proxy_later(shard, async move {
            let found = match me.directory.find(&aor).await {
                Ok(known) => absent(&known),
                Err(error) => {
                    tracing::warn!(%error, "directory unavailable");
                    TargetsFound::Unavailable
                }
            };
            ProxyInput::Targets { token, found }
        });
        None
    }

    fn media(
        &self,
        shard: usize,
        token: Option<Token>,
        call_id: Bytes,
        verb: MediaVerb,
    ) -> Option<ProxyInput> {
        let command = media_control::command(call_id, verb);
        let input = |token, outcome| ProxyInput::Media { token, outcome };
        match &self.media {
            MediaControl::InProcess(execute) => {
                let outcome = media_control::outcome(&execute(command));
                token.map(|token| input(token, outcome))
            }
            MediaControl::Remote(client) => {
                let client = client.clone();
                let executed = async move {
                    client.execute(&command).await.map_or_else(
                        |error| {
                            tracing::warn!(%error, "media command failed");
                            MediaOutcome::Unavailable
                        },
                        |reply| media_control::outcome(&reply),
                    )
                };
                match token {
                    Some(token) => {
                        self.tell_proxy_later(shard, async move { input(token, executed.await) });
                    }
                    None => {
                        self.runtime.spawn(executed);
                    }
                }
                None
            }
            MediaControl::None => token.map(|token| input(token, MediaOutcome::Unavailable)),
        }
    }

    /// Works something out in a task of its own and tells the shard. There are never more of these than
    /// the engine has requests that wait.
    fn tell_proxy_later(
        &self,
        shard: usize,
        input: impl Future<Output = ProxyInput> + Send + 'static,
    ) {
        let me = self.me.clone();
        self.runtime.spawn(async move {
            let input = input.await;
            if let Some(me) = me.upgrade() {
                me.tell_and_send(|out| me.tell_proxy(shard, input, out));
            }
        });
    }

    fn step_registrar(&self, shard: usize, step: Step<RegistrarInput>, out: &mut Outbox) {
        let now = self.clock.now();
        let mut registrar = lock(&self.registrars[shard]);
        match step {
            Step::Input(input) => registrar.handle(input, now),
            Step::Timeout => registrar.handle_timeout(now),
        }
        let mut answers = VecDeque::new();
        loop {
            while let Some(action) = registrar.poll_action() {
                answers.extend(self.registrar_action(shard, action, out));
            }
            match answers.pop_front() {
                Some(answer) => registrar.handle(answer, now),
                None => break,
            }
        }
    }

    /// Does what a registrar shard asks for. An answer that is at hand is returned at once.
    fn registrar_action(
        &self,
        shard: usize,
        action: RegistrarAction,
        out: &mut Outbox,
    ) -> Option<RegistrarInput> {
        match action {
            RegistrarAction::Transmit { flow, bytes, ticket } => {
                let ticket = Owner::Registrar(shard).ticket(ticket);
                out.push(Outbound { flow, bytes, ticket });
                None
            }
            RegistrarAction::FindCredentials { token, aor } => {
                self.registrar_credentials(shard, token, aor)
            }
            RegistrarAction::Store { token, aor, changes } => {
                self.store(shard, token, &aor, &changes)
            }
            RegistrarAction::Report(report) => {
                report::registrar(&report, &self.metrics);
                None
            }
        }
    }

    fn registrar_credentials(
        &self,
        shard: usize,
        token: offhook_registrar::Token,
        aor: String,
    ) -> Option<RegistrarInput> {
        let answer = move |known| {
            let found = match known {
                Some(Known::User(hashes)) => RegistrarCredentials::Known(hashes),
                Some(Known::Nobody) => RegistrarCredentials::Unknown,
                None => RegistrarCredentials::Unavailable,
            };
            RegistrarInput::Credentials { token, found }
        };
        if !self.authenticate {
            return Some(answer(Some(Known::User(Vec::new()))));
        }
        if let Some(known) = self.directory.remembered(&aor) {
            return Some(answer(Some(known)));
        }
        let me = self.me.upgrade()?;
        self.runtime.spawn(async move {
            let known = match me.directory.find(&aor).await {
                Ok(known) => Some(known),
                Err(error) => {
                    tracing::warn!(%error, "directory unavailable");
                    None
                }
            };
            me.tell_and_send(|out| me.tell_registrar(shard, answer(known), out));
        });
        None
    }

    /// Has changes written. The answer comes on the writer's task, many of them after one commit.
    fn store(
        &self,
        shard: usize,
        token: offhook_registrar::Token,
        aor: &str,
        changes: &[offhook_registrar::Change],
    ) -> Option<RegistrarInput> {
        let now = self.clock.now();
        let rows = changes.iter().map(|change| bindings::row_change(aor, change, now)).collect();
        let me = self.me.clone();
        let stored = move |outcome: Result<(), StoreError>| {
            let outcome = match outcome {
                Ok(()) => StoreOutcome::Durable,
                Err(error) => {
                    tracing::warn!(%error, "bindings not stored");
                    StoreOutcome::Unavailable
                }
            };
            RegistrarInput::Stored { token, outcome }
        };
        let submitted = self.writer.submit(rows, move |outcome| {
            if let Some(me) = me.upgrade() {
                me.tell_and_send(|out| me.tell_registrar(shard, stored(outcome), out));
            }
        });
        submitted.err().map(|error| stored(Err(error)))
    }

    /// Puts a stored binding into memory.
    pub(crate) fn load(&self, binding: LoadedBinding, now: Now) {
        let shard = self.registrar_shard(&binding.aor);
        lock(&self.registrars[shard]).handle(RegistrarInput::Load(vec![binding]), now);
    }

    /// Does something that sends, from a thread without a socket of its own.
    fn tell_and_send(&self, tell: impl FnOnce(&mut Outbox)) {
        let Some(transports) = self.transports.get() else { return };
        let mut out = transports.outbox();
        tell(&mut out);
        out.flush();
    }

    fn proxy_shard(&self, call_id: &[u8]) -> usize {
        self.spread.hash_one(call_id) as usize % self.proxies.len()
    }

    fn registrar_shard(&self, aor: &str) -> usize {
        self.spread.hash_one(aor) as usize % self.registrars.len()
    }

    /// Which registrar shard a request is for; `None` if it is not a registration with us.
    fn registration(&self, request: &Request) -> Option<usize> {
        if request.method() != Method::Register
            || self.domains.canonical(request.uri().host).is_none()
        {
            return None;
        }
        // A REGISTER whose To is not ours gets its refusal from any shard.
        let aor = self.domains.aor(&request.to().uri).unwrap_or_default();
        Some(self.registrar_shard(&aor))
    }
}

impl Receiver for Signalling {
    fn receive(&self, inbound: Inbound, out: &mut Outbox) {
        let Inbound { flow, bytes } = inbound;
        match Message::parse(bytes.clone(), &self.limits) {
            Ok(Message::Request(request)) => {
                self.metrics.request(request.method());
                tracing::trace!(method = ?request.method(), remote = %flow.remote, "request");
                match self.registration(&request) {
                    Some(shard) => {
                        self.tell_registrar(shard, RegistrarInput::Request { request, flow }, out);
                    }
                    None => {
                        let shard = self.proxy_shard(request.call_id());
                        self.tell_proxy(shard, ProxyInput::Request { request, flow }, out);
                    }
                }
            }
            Ok(Message::Response(response)) => {
                self.metrics.response(response.status());
                let shard = self.proxy_shard(response.call_id());
                self.tell_proxy(shard, ProxyInput::Response { response }, out);
            }
            Err(error) => {
                self.metrics.malformed.inc();
                tracing::debug!(%error, remote = %flow.remote, "message not understood");
                if let Some(bytes) = reject(&bytes, error, flow.remote) {
                    out.push(Outbound { flow, bytes, ticket: Ticket::NONE });
                }
            }
        }
    }

    fn send_failed(&self, flow: Flow, ticket: Ticket, out: &mut Outbox) {
        tracing::debug!(remote = %flow.remote, transport = flow.transport.as_str(), "not sent");
        let number = ticket.number;
        match Owner::of(ticket) {
            Owner::Proxy(shard) => {
                self.tell_proxy(shard, ProxyInput::SendFailed { ticket: number }, out);
            }
            Owner::Registrar(shard) => {
                self.tell_registrar(shard, RegistrarInput::SendFailed { ticket: number }, out);
            }
        }
    }

    /// A binding outlives its connection: the phone may come back, and until then its Contact is tried.
    fn flow_closed(&self, flow: Flow, _out: &mut Outbox) {
        tracing::debug!(remote = %flow.remote, "connection closed");
    }
}

fn credentials(known: Known) -> CredentialsFound {
    match known {
        Known::User(hashes) => CredentialsFound::Known(hashes),
        Known::Nobody => CredentialsFound::Unknown,
    }
}

/// What it means that a user has no bindings.
fn absent(known: &Known) -> TargetsFound {
    match known {
        Known::User(_) => TargetsFound::NotRegistered,
        Known::Nobody => TargetsFound::UnknownUser,
    }
}

/// A shard whose last step panicked goes on with what it has: one broken call must not end the others.
pub(crate) fn lock<T>(shard: &Mutex<T>) -> MutexGuard<'_, T> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
