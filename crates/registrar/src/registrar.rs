//! The engine: REGISTERs in, answers, look-ups and stores out.

mod admission;
mod answering;
mod storing;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use foldhash::fast::FixedState;
use offhook_engine::{Engine, Instant, Now};
use offhook_sip_core::{Authenticator, Effect, Received, ServerId, Transactions};
use offhook_sip_message::{Flow, Request, ResponseBuilder, StatusCode};

use crate::config::{Authentication, RegistrarConfig};
use crate::interface::{Action, Change, Input, LoadedBinding};
use crate::operations::Operations;
use crate::table::LocationTable;
use crate::{Binding, Counters};

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
    busy: HashMap<Arc<str>, Busy, FixedState>,
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

impl Arrival {
    fn call_id(&self) -> Bytes {
        self.request.bytes().slice_ref(self.request.call_id())
    }
}

/// An address of record with a store in flight.
#[derive(Debug, Default)]
struct Busy {
    /// Those whose turn comes when the outcome is known.
    waiting: VecDeque<Arrival>,
    /// The outcome did not come in time: nobody is kept waiting for it any more.
    in_doubt: bool,
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
            table: LocationTable::new(seed),
            operations: Operations::new(),
            busy: HashMap::with_hasher(FixedState::with_seed(seed)),
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
                let status = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
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
