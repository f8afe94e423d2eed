//! The engine: REGISTERs in, answers, look-ups and stores out.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;

use bytes::Bytes;
use foldhash::fast::{FixedState, RandomState};
use offhook_engine::{Engine, Instant, Now};
use offhook_sip_core::{
    Authenticator, Effect, Ha1, Received, Refusal as DigestRefusal, ServerId, Transactions, Verdict,
};
use offhook_sip_message::{Flow, HeaderName, Method, Request, ResponseBuilder, StatusCode};

use crate::account::claimed_aor;
use crate::answer;
use crate::config::{Authentication, RegistrarConfig};
use crate::interface::{
    Action, Change, CredentialsFound, Input, LoadedBinding, StoreOutcome, Token,
};
use crate::operations::Operations;
use crate::refusal::Refusal;
use crate::registration::plan;
use crate::table::LocationTable;
use crate::{Binding, Counters};

/// The option tags that may stand in Require.
const SUPPORTED: [&str; 1] = ["path"];

/// The registrar and location table of a share of the addresses of record.
///
/// See the crate's documentation for what it does and for its contract.
pub struct Registrar {
    config: RegistrarConfig,
    authenticator: Option<Authenticator>,
    transactions: Transactions,
    table: LocationTable,
    operations: Operations<Work>,
    /// The addresses of record with a store in flight.
    busy: HashMap<Arc<str>, VecDeque<Arrival>, RandomState>,
    actions: VecDeque<Action>,
    tags: FixedState,
    counters: Counters,
}

/// A REGISTER that has not been answered.
#[derive(Debug)]
struct Arrival {
    server: ServerId,
    request: Request,
    flow: Flow,
    aor: Arc<str>,
    at: Instant,
}

/// What waits for an answer from outside.
#[derive(Debug)]
enum Work {
    /// The hashes of this user, the one that the credentials name.
    Credentials { arrival: Box<Arrival>, claimed: String },
    /// A store. Without an arrival its REGISTER has been told to come back, and only the outcome
    /// matters.
    Store { aor: Arc<str>, changes: Arc<[Change]>, arrival: Option<Box<Arrival>> },
}

impl Registrar {
    /// A registrar without bindings. `seed` and `nonce_key` are random and different for every engine;
    /// nonces of one are stale for another.
    #[must_use]
    pub fn new(config: RegistrarConfig, seed: u64, nonce_key: [u8; 32]) -> Self {
        let authenticator = match &config.authentication {
            Authentication::Digest(digest) => Some(Authenticator::new(digest.clone(), nonce_key)),
            Authentication::Off => None,
        };
        Self {
            authenticator,
            transactions: Transactions::new(config.timers, config.capacity, seed),
            table: LocationTable::new(),
            operations: Operations::new(),
            busy: HashMap::default(),
            actions: VecDeque::new(),
            tags: FixedState::with_seed(seed),
            counters: Counters::default(),
            config,
        }
    }

    /// The bindings of `aor` (`user` or `user@domain`) that hold at `now`: the highest `q` first, among
    /// equals the latest registration first.
    #[must_use]
    pub fn lookup(&self, aor: &str, now: Instant) -> Vec<&Binding> {
        let mut bindings: Vec<_> = self.table.live(aor, now).collect();
        bindings.sort_by(|a, b| {
            let by_q = b.q_milli().cmp(&a.q_milli());
            by_q.then_with(|| b.updated_at().cmp(&a.updated_at()))
        });
        bindings
    }

    /// Every binding that holds at `now` with its address of record, in no particular order.
    pub fn iter(&self, now: Instant) -> impl Iterator<Item = (&str, &Binding)> {
        self.table.iter(now)
    }

    /// How many addresses of record have a binding.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether nobody is registered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bindings there are.
    #[must_use]
    pub fn binding_count(&self) -> usize {
        self.table.binding_count()
    }

    /// What has been done so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The transactions of this registrar, for their counters.
    #[must_use]
    pub fn transactions(&self) -> &Transactions {
        &self.transactions
    }

    fn receive(&mut self, request: Request, flow: Flow, now: Now) {
        match self.transactions.receive_request(&request, flow, now.mono) {
            Received::New(server) => self.admit(server, request, flow, now),
            Received::Cancel { cancel, invite: _ } => {
                // A REGISTER cannot be cancelled (RFC 3261 section 9.1).
                let status = StatusCode::CALL_TRANSACTION_DOES_NOT_EXIST;
                let tag = self.tag(&request);
                let response = ResponseBuilder::new(&request, status, flow.remote)
                    .to_tag(tag.as_bytes())
                    .finish();
                self.transactions.respond(cancel, status, response, now.mono);
            }
            Received::Retransmission
            | Received::Ack
            | Received::AckAbsorbed(_)
            | Received::Refused => {}
        }
    }

    /// RFC 3261 section 10.3 steps 1 to 3: is the request for us, and does it say who sends it?
    fn admit(&mut self, server: ServerId, request: Request, flow: Flow, now: Now) {
        let aor = match self.address_of_record(&request) {
            Ok(aor) => aor.into(),
            Err(refusal) => return self.refuse(server, &request, &flow, &refusal, now),
        };
        let arrival = Arrival { server, request, flow, aor, at: now.mono };
        if self.operations.len() >= self.config.max_operations {
            return self.turn_away(&arrival, "Too many registrations at once", now);
        }
        let claimed = match &self.authenticator {
            None => Some(arrival.aor.to_string()),
            Some(authenticator) => match authenticator.claimed_user(&arrival.request) {
                None => return self.challenge(&arrival, false, now),
                Some(user) => claimed_aor(&self.config.domains, &arrival.request, &user),
            },
        };
        let Some(claimed) = claimed else {
            return self.refuse_arrival(&arrival, &Refusal::NotOwner, now);
        };
        let deadline = now.mono + self.config.operation_timeout;
        let work = Work::Credentials { arrival: Box::new(arrival), claimed: claimed.clone() };
        let token = self.operations.begin(work, deadline);
        self.actions.push_back(Action::FindCredentials { token, aor: claimed });
    }

    fn address_of_record(&self, request: &Request) -> Result<String, Refusal> {
        if request.method() != Method::Register {
            return Err(Refusal::MethodNotAllowed);
        }
        if self.config.domains.canonical(request.uri().host).is_none() {
            return Err(Refusal::ForeignDomain);
        }
        let unsupported: Vec<_> = [HeaderName::Require, HeaderName::ProxyRequire]
            .into_iter()
            .flat_map(|name| request.values(name))
            .map(String::from_utf8_lossy)
            .filter(|tag| !SUPPORTED.iter().any(|known| known.eq_ignore_ascii_case(tag)))
            .collect();
        if !unsupported.is_empty() {
            return Err(Refusal::UnsupportedExtensions(unsupported.join(", ")));
        }
        self.config.domains.aor(&request.to().uri).ok_or(Refusal::UnknownUser)
    }

    /// Steps 3 and 4: is it the owner who registers?
    fn credentials_found(&mut self, token: Token, found: CredentialsFound, now: Now) {
        if !matches!(self.operations.get(token), Some(Work::Credentials { .. })) {
            return;
        }
        let Some(Work::Credentials { arrival, claimed }) = self.operations.end(token) else {
            return;
        };
        let hashes = match found {
            CredentialsFound::Known(hashes) => Some(hashes),
            CredentialsFound::Unknown => None,
            CredentialsFound::Unavailable => {
                return self.turn_away(&arrival, "Directory unavailable", now);
            }
        };
        match self.verdict(&arrival.request, hashes, now) {
            Ok(()) if claimed == *arrival.aor => self.serve(*arrival, now),
            Ok(()) => self.refuse_arrival(&arrival, &Refusal::NotOwner, now),
            Err(Unproven::Challenge { stale }) => self.challenge(&arrival, stale, now),
            Err(Unproven::UnknownUser) => {
                self.refuse_arrival(&arrival, &Refusal::UnknownUser, now);
            }
        }
    }

    fn verdict(
        &mut self,
        request: &Request,
        hashes: Option<Vec<Ha1>>,
        now: Now,
    ) -> Result<(), Unproven> {
        let Some(authenticator) = &mut self.authenticator else {
            return hashes.map(|_| ()).ok_or(Unproven::UnknownUser);
        };
        // For an unknown user the same work is done and the same answer given as for a wrong password:
        // who tries names learns nothing.
        match authenticator.verify(request, &hashes.unwrap_or_default(), now) {
            Verdict::Accepted => Ok(()),
            Verdict::Stale | Verdict::Replayed => Err(Unproven::Challenge { stale: true }),
            // A nonce of another engine, or of this one before a restart: the phone need not ask its user
            // for another password.
            Verdict::Refused(DigestRefusal::ForeignNonce) => {
                Err(Unproven::Challenge { stale: true })
            }
            Verdict::Refused(
                DigestRefusal::UnknownUser
                | DigestRefusal::WrongResponse
                | DigestRefusal::OtherUri
                | DigestRefusal::AlgorithmMismatch
                | DigestRefusal::QopNotOffered,
            ) => Err(Unproven::Challenge { stale: false }),
        }
    }

    /// Steps 6 to 8, in turn with the other REGISTERs of the same address of record.
    fn serve(&mut self, arrival: Arrival, now: Now) {
        if let Some(waiting) = self.busy.get_mut(&arrival.aor) {
            if waiting.len() < self.config.max_waiting_per_aor {
                waiting.push_back(arrival);
            } else {
                self.turn_away(&arrival, "Too many registrations of this address", now);
            }
            return;
        }
        let current: Vec<_> = self.table.live(&arrival.aor, now.mono).collect();
        match plan(&arrival.request, &arrival.flow, &current, &self.config, now) {
            Err(refusal) => self.refuse_arrival(&arrival, &refusal, now),
            Ok(changes) if changes.is_empty() => {
                self.counters.queried += 1;
                self.accept(&arrival, now);
            }
            Ok(_)
                if self.table.len() >= self.config.max_aors
                    && !self.table.contains(&arrival.aor) =>
            {
                self.turn_away(&arrival, "Too many registered users", now);
            }
            Ok(changes) => self.store(arrival, changes.into(), now),
        }
    }

    fn store(&mut self, arrival: Arrival, changes: Arc<[Change]>, now: Now) {
        let aor = Arc::clone(&arrival.aor);
        let work = Work::Store {
            aor: Arc::clone(&aor),
            changes: Arc::clone(&changes),
            arrival: Some(Box::new(arrival)),
        };
        let token = self.operations.begin(work, now.mono + self.config.operation_timeout);
        self.busy.insert(Arc::clone(&aor), VecDeque::new());
        self.actions.push_back(Action::Store { token, aor, changes });
    }

    fn stored(&mut self, token: Token, outcome: StoreOutcome, now: Now) {
        if !matches!(self.operations.get(token), Some(Work::Store { .. })) {
            return;
        }
        let Some(Work::Store { aor, changes, arrival }) = self.operations.end(token) else {
            return;
        };
        match outcome {
            StoreOutcome::Durable => {
                self.table.apply(&aor, &changes);
                if let Some(arrival) = arrival {
                    self.counters.registered += 1;
                    self.accept(&arrival, now);
                }
            }
            StoreOutcome::Unavailable => {
                if let Some(arrival) = arrival {
                    self.turn_away(&arrival, "Location store unavailable", now);
                }
            }
        }
        self.release(&aor, now);
    }

    /// Lets the REGISTERs that waited for `aor` go on, until one of them stores something.
    fn release(&mut self, aor: &str, now: Now) {
        let mut waiting = self.busy.remove(aor).unwrap_or_default();
        while let Some(next) = waiting.pop_front() {
            if now.mono.since(next.at) > self.config.operation_timeout {
                self.turn_away(&next, "Location store too slow", now);
                continue;
            }
            self.serve(next, now);
            if let Some(queue) = self.busy.get_mut(aor) {
                *queue = waiting;
                return;
            }
        }
    }

    /// An answer from outside did not come in time.
    fn overdue(&mut self, token: Token, work: Work, now: Now) {
        match work {
            Work::Credentials { arrival, claimed: _ } => {
                self.turn_away(&arrival, "Directory too slow", now);
            }
            Work::Store { aor, changes, arrival: Some(arrival) } => {
                // The changes may yet become durable, so the address stays closed until that is known.
                self.turn_away(&arrival, "Location store too slow", now);
                let waiting = self.busy.get_mut(&aor).map(std::mem::take).unwrap_or_default();
                for next in &waiting {
                    self.turn_away(next, "Location store too slow", now);
                }
                let work = Work::Store { aor, changes, arrival: None };
                let deadline = now.mono + self.config.store_abandon_timeout;
                self.operations.resume(token, work, deadline);
            }
            Work::Store { aor, changes: _, arrival: None } => self.release(&aor, now),
        }
    }

    fn load(&mut self, bindings: Vec<LoadedBinding>, now: Now) {
        for loaded in bindings {
            let has_place =
                self.table.len() < self.config.max_aors || self.table.contains(&loaded.aor);
            if !has_place {
                self.counters.not_loaded += 1;
            } else if loaded.binding.is_live(now.mono) {
                self.table.load(loaded);
            }
        }
    }

    fn accept(&mut self, arrival: &Arrival, now: Now) {
        let tag = self.tag(&arrival.request);
        let bindings = self.table.live(&arrival.aor, now.mono);
        let response = answer::accepted(&arrival.request, &arrival.flow, &tag, bindings, now);
        self.transactions.respond(arrival.server, StatusCode::OK, response, now.mono);
    }

    fn challenge(&mut self, arrival: &Arrival, stale: bool, now: Now) {
        let Some(authenticator) = &mut self.authenticator else { return };
        let challenge = authenticator.challenge(&arrival.request, stale, now);
        self.counters.challenged += 1;
        let tag = self.tag(&arrival.request);
        let response = answer::challenged(&arrival.request, &arrival.flow, &tag, &challenge);
        self.transactions.respond(arrival.server, challenge.0, response, now.mono);
    }

    fn turn_away(&mut self, arrival: &Arrival, why: &'static str, now: Now) {
        let refusal = Refusal::Unavailable(why, self.config.retry_after_s);
        self.refuse_arrival(arrival, &refusal, now);
    }

    fn refuse_arrival(&mut self, arrival: &Arrival, refusal: &Refusal, now: Now) {
        self.refuse(arrival.server, &arrival.request, &arrival.flow, refusal, now);
    }

    fn refuse(
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
        let response: Bytes = answer::refused(request, flow, &self.tag(request), refusal);
        self.transactions.respond(server, refusal.status(), response, now.mono);
    }

    /// The To tag of our answers: the same for a request that comes again after its transaction is over.
    fn tag(&self, request: &Request) -> String {
        let from_tag = request.from().tag();
        let hash = self.tags.hash_one((request.call_id(), from_tag, request.cseq().number));
        format!("{hash:016x}")
    }
}

/// Why a request does not prove who sends it.
enum Unproven {
    /// It has to be sent again with (better) credentials.
    Challenge { stale: bool },
    /// There is no such user, and no password is asked for.
    UnknownUser,
}

impl Engine for Registrar {
    type Input = Input;
    type Action = Action;

    fn handle(&mut self, input: Input, now: Now) {
        match input {
            Input::Request { request, flow } => self.receive(request, flow, now),
            Input::Credentials { token, found } => self.credentials_found(token, found, now),
            Input::Stored { token, outcome } => self.stored(token, outcome, now),
            Input::Load(bindings) => self.load(bindings, now),
            Input::SendFailed { ticket } => self.transactions.transport_failed(ticket, now.mono),
        }
    }

    fn handle_timeout(&mut self, now: Now) {
        self.transactions.handle_timeout(now.mono);
        self.table.expire(now.mono);
        while let Some((token, work)) = self.operations.pop_overdue(now.mono) {
            self.overdue(token, work, now);
        }
    }

    fn poll_action(&mut self) -> Option<Action> {
        while let Some(effect) = self.transactions.poll() {
            match effect {
                Effect::Transmit { flow, bytes, ticket } => {
                    return Some(Action::Transmit { flow, bytes, ticket });
                }
                // A phone that did not get its answer asks again: nothing is undone.
                Effect::ServerTimedOut(_)
                | Effect::ServerFailed(_)
                | Effect::ServerEnded(_)
                | Effect::ClientTimedOut(_)
                | Effect::ClientFailed(_)
                | Effect::ClientEnded(_) => {}
            }
        }
        self.actions.pop_front()
    }

    fn next_deadline(&self) -> Option<Instant> {
        let deadlines = [
            self.transactions.next_deadline(),
            self.table.next_deadline(),
            self.operations.next_deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }
}

impl fmt::Debug for Registrar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registrar")
            .field("table", &self.table)
            .field("operations", &self.operations.len())
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}
