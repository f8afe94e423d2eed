//! The transaction layer of RFC 3261 section 17: who owns which transaction, and what goes where.
//!
//! [`Transactions`] keeps the machines of this crate in two slabs, finds the one that a message
//! belongs to through a hash table of slab indices, wakes it through one entry in a timing wheel, and
//! collects what is to be done as [`Effect`]s. No operation looks at more than one transaction (a
//! CANCEL at two), whatever the number that is open.
//!
//! **Contract.** Call [`Transactions::poll`] until it returns `None` after each other call, and call
//! [`Transactions::handle_timeout`] at or after [`Transactions::next_deadline`].
//!
//! **One outcome.** The user of a client transaction gets one final response, or
//! [`Effect::ClientTimedOut`], or [`Effect::ClientFailed`], and never two of them; only the 2xx to an
//! INVITE may come several times (RFC 6026).
//!
//! **Life of an id.** The last effect that names a [`ServerId`] or [`ClientId`] is its `..Ended`, and
//! there is exactly one. Where nothing can be repeated (reliable transports) it may be queued by the
//! very call that returned the id to the user. A call with an ended id has no effect.
//!
//! **Responses** go where RFC 3261 section 18.2.2 and RFC 3581 say: over a reliable transport back on
//! the connection of the request; over UDP to the source of the request if the Via has `rport`, else to
//! its source address and the port of the sent-by. A `maddr` is ignored, since honouring it would let
//! any client direct our responses at a third party.
//!
//! **A transport that fails.** A request is reported as [`Effect::ClientFailed`], and the user tries
//! its next target. A response over a broken connection is sent once more, over a new connection to
//! the client's address and sent-by port (section 18.2.2); if that fails too, or the transport is UDP,
//! the user hears [`Effect::ServerFailed`]. A non-INVITE transaction on a reliable transport ends with
//! its final response (timer J is zero), so there is nothing left to send that response again; the
//! client finds out by its timer F.
//!
//! **Memory.** The record of an open transaction has at most 256 bytes on the server side and 208 on
//! the client side; slab, index and timing wheel add some 80. On top come the bytes of the one message
//! that may have to be repeated, which are let go as soon as the state allows.

mod branch;
mod client;
mod hop;
mod id;
mod request_key;
mod server;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use offhook_engine::{Instant, TimerId, TimerWheel};
use offhook_sip_message::Flow;

pub use self::branch::Branch;
use self::client::ClientRecord;
pub use self::id::{ClientId, ServerId};
use self::id::{Sender, SlotId, Slots};
use self::server::ServerRecord;
use crate::random::Random;
use crate::timing::{TimerConfig, Timing};

/// How many transactions may be open at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Server transactions. A request beyond is refused without state: 503 with Retry-After. A CANCEL
    /// of an open INVITE is always let in. Default 100,000.
    pub max_server: usize,
    /// Client transactions; the CANCELs made here are not counted. Default 100,000.
    pub max_client: usize,
    /// The value of Retry-After, in seconds. Default 5.
    pub retry_after_s: u32,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { max_server: 100_000, max_client: 100_000, retry_after_s: 5 }
    }
}

/// What became of a request that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// It opened a transaction: the user answers it with [`Transactions::respond`].
    New(ServerId),
    /// It repeats one that is known; the last response, if there is one, is sent again.
    Retransmission,
    /// An ACK that belongs to no failed INVITE, so to a 2xx: the user passes it on.
    Ack,
    /// The ACK of this failed INVITE, or one that comes too early or again: nothing to do.
    AckAbsorbed(ServerId),
    /// A CANCEL, which is answered as a transaction of its own, and the INVITE that it is about, if
    /// that is open (RFC 3261 section 9.2).
    Cancel {
        /// The transaction of the CANCEL itself.
        cancel: ServerId,
        /// The transaction of the INVITE.
        invite: Option<ServerId>,
    },
    /// There is no room for it; a 503 is on its way.
    Refused,
}

/// What the layer wants done or known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send these bytes, one whole message.
    Transmit {
        /// Where to, and on which connection.
        flow: Flow,
        /// The message.
        bytes: Bytes,
        /// To be given to [`Transactions::transport_failed`] if the bytes cannot be sent.
        ticket: u64,
    },
    /// No final response came in time (timer B or F, or 64*T1 after a CANCEL): to be treated as a 408.
    ClientTimedOut(ClientId),
    /// The request could not be sent: to be treated as a 503 (RFC 3261 section 8.1.3.1).
    ClientFailed(ClientId),
    /// The ACK of a failed INVITE never came (timer H), or a non-INVITE request was not answered while
    /// its client was waiting (64*T1).
    ServerTimedOut(ServerId),
    /// A response could not be delivered. An INVITE's transaction goes on: it may be repeated.
    ServerFailed(ServerId),
    /// The transaction is over and its id means nothing from here on.
    ServerEnded(ServerId),
    /// The transaction is over and its id means nothing from here on.
    ClientEnded(ClientId),
}

/// The client table is full (see [`Capacity::max_client`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many client transactions are open")]
pub struct Full;

/// What has happened since the start, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Counters {
    /// Requests refused by 503 because the server table was full.
    pub refused: u64,
    /// Requests that were repeats of an open transaction, ACKs included.
    pub request_repeats: u64,
    /// Requests and responses sent again, by a timer or because their answer was missed.
    pub retransmissions: u64,
    /// Responses that belong to no open client transaction.
    pub stray_responses: u64,
    /// Transactions that ended by timer B, F or H, or for want of an answer.
    pub timeouts: u64,
    /// Messages that the transport failed to send and that mattered to a transaction.
    pub transport_failures: u64,
}

/// The transactions of one shard.
pub struct Transactions {
    unreliable: Timing,
    reliable: Timing,
    capacity: Capacity,
    hasher: FixedState,
    branches: Random,
    tag_key: u64,
    servers: Slots<ServerRecord>,
    servers_by_key: HashTable<u32>,
    clients: Slots<ClientRecord>,
    clients_by_secret: HashTable<u32>,
    open_cancels: usize,
    wheel: TimerWheel<Owner>,
    effects: VecDeque<Effect>,
    counters: Counters,
}

/// Whose deadline an entry of the wheel is.
#[derive(Clone, Copy, Debug)]
enum Owner {
    Server(ServerId),
    Client(ClientId),
}

/// The one entry that a transaction has in the wheel, and for when.
#[derive(Clone, Copy, Debug)]
struct Armed {
    at: Instant,
    timer: TimerId,
}

impl Transactions {
    /// An empty layer. `seed` must be unpredictable: the branches of all requests come from it.
    #[must_use]
    pub fn new(config: TimerConfig, capacity: Capacity, seed: u64) -> Self {
        // Intervals of zero would fire for ever at one and the same instant.
        let config = TimerConfig {
            t1: config.t1.max(SHORTEST_INTERVAL),
            t2: config.t2.max(SHORTEST_INTERVAL),
            ..config
        };
        let mut hashing = Random::new(seed, "offhook transaction table");
        Self {
            unreliable: Timing::new(config, false),
            reliable: Timing::new(config, true),
            capacity,
            hasher: FixedState::with_seed(hashing.next_u64()),
            branches: Random::new(seed, "offhook branch"),
            tag_key: hashing.next_u64(),
            servers: Slots::new(),
            servers_by_key: HashTable::new(),
            clients: Slots::new(),
            clients_by_secret: HashTable::new(),
            open_cancels: 0,
            wheel: TimerWheel::new(),
            effects: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// The next thing to be done or known. Call until `None`.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Runs every timer that is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(owner) = self.wheel.pop_due(now) {
            match owner {
                Owner::Server(id) => self.server_timeout(id, now),
                Owner::Client(id) => self.client_timeout(id, now),
            }
        }
    }

    /// When to call [`Self::handle_timeout`] at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.wheel.next_deadline()
    }

    /// The transport could not send what it was given with `ticket`.
    pub fn transport_failed(&mut self, ticket: u64, now: Instant) {
        match Sender::from_ticket(ticket) {
            Sender::Nobody => {}
            Sender::Server(id) => self.server_transport_failed(id),
            Sender::Client(id) => self.client_transport_failed(id, now),
        }
    }

    /// How many server transactions are open.
    #[must_use]
    pub fn open_server(&self) -> usize {
        self.servers.len()
    }

    /// How many client transactions are open, CANCELs included.
    #[must_use]
    pub fn open_client(&self) -> usize {
        self.clients.len()
    }

    /// What has happened so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn timing(&self, flow: &Flow) -> Timing {
        if flow.transport.is_reliable() { self.reliable } else { self.unreliable }
    }

    fn transmit(&mut self, flow: Flow, bytes: Bytes, sender: Sender) {
        self.effects.push_back(Effect::Transmit { flow, bytes, ticket: sender.ticket() });
    }
}

/// Moves a transaction's entry in the wheel to `deadline`.
fn rearm(
    wheel: &mut TimerWheel<Owner>,
    armed: &mut Option<Armed>,
    deadline: Option<Instant>,
    owner: Owner,
) {
    if armed.map(|armed| armed.at) == deadline {
        return;
    }
    if let Some(old) = armed.take() {
        wheel.cancel(old.timer);
    }
    *armed = deadline.map(|at| Armed { at, timer: wheel.insert(at, owner) });
}

/// The least that T1 and T2 may be.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_small() {
        let (server, client) = (size_of::<ServerRecord>(), size_of::<ClientRecord>());
        assert!(server <= 256 && client <= 208, "{server}, {client}");
    }

    #[test]
    fn time_passes_even_with_timers_of_no_length() {
        let nothing = TimerConfig { t1: Duration::ZERO, t2: Duration::ZERO, t4: Duration::ZERO };
        let mut layer = Transactions::new(nothing, Capacity::default(), 1);
        let flow = Flow {
            transport: offhook_sip_message::Transport::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: "192.0.2.2:5060".parse().unwrap(),
            connection: None,
        };
        let branch = layer.new_branch();
        let method = offhook_sip_message::Method::Options;
        let request = Bytes::from_static(b"x");
        assert!(layer.request(branch, method, request, flow, Instant::ZERO).is_ok());
        let mut now = Instant::ZERO;
        while let Some(deadline) = layer.next_deadline() {
            assert!(deadline > now);
            now = deadline;
            layer.handle_timeout(now);
        }
        assert!(now <= Instant::ZERO + Duration::from_millis(64 + 4));
        assert_eq!(layer.open_client(), 0);
    }
}
