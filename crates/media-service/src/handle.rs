//! The service in one process: commands in, replies out.

use std::{fmt, hash::BuildHasher, sync::Arc};

use foldhash::{SharedSeed, fast::SeedableRandomState};
use offhook_media::{CallSummary, Relay, RelayStats};
use offhook_media_io::{PortPool, SocketPair, Worker};
use offhook_ng_protocol::{AddressFamily, Command, List, Reply};
use offhook_platform::SystemClock;

use crate::{MediaConfig, MediaError, shard::Shard};

/// Starts the media relay.
#[derive(Debug)]
pub struct MediaService;

impl MediaService {
    /// Starts the workers. No port is bound before a call needs it. The seed protects the hash
    /// tables from chosen Call-IDs, and decides which ports come first.
    ///
    /// # Errors
    /// When the configuration does not fit together, or threads are not to be had.
    pub fn start(
        config: &MediaConfig,
        clock: SystemClock,
        seed: u64,
    ) -> Result<MediaHandle, MediaError> {
        config.check()?;
        let pool = PortPool::new(config.ports(), seed)?;
        let workers = (0..config.workers.max(1)).map(|index| {
            let relay = Relay::new(config.relay(), seed);
            Ok(Worker::start(format!("media-{index}"), Shard::new(relay, clock))?)
        });
        let workers = workers.collect::<Result<Vec<_>, MediaError>>()?;
        let hasher = SeedableRandomState::with_seed(!seed, SharedSeed::global_fixed());
        Ok(MediaHandle { inner: Arc::new(Inner { workers, pool, hasher }) })
    }
}

/// The running media relay. Clones share it.
#[derive(Clone)]
pub struct MediaHandle {
    inner: Arc<Inner>,
}

struct Inner {
    workers: Vec<Worker<Shard>>,
    pool: PortPool,
    hasher: SeedableRandomState,
}

/// The numbers of the service.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct MediaStats {
    /// The counters of all workers together.
    pub relay: RelayStats,
    /// Pairs of ports in use.
    pub port_pairs_in_use: usize,
    /// Pairs of ports of each family.
    pub port_pairs: usize,
}

impl fmt::Debug for MediaHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaHandle").field("workers", &self.inner.workers.len()).finish()
    }
}

impl MediaHandle {
    /// Carries a command out, in the calling thread. Waits for no more than a batch of packets of
    /// one worker, and binds the ports that an offer needs.
    #[must_use]
    pub fn execute(&self, command: Command) -> Reply {
        let Some(call_id) = command.call_id() else { return self.general(&command) };
        let shard = self.inner.hasher.hash_one(call_id) as usize % self.inner.workers.len();
        let worker = &self.inner.workers[shard];
        // Ports are bound without the worker's lock.
        // A command that fails anyway gets none, and its error below.
        let needed = worker.with(|shard, _| shard.ports_needed(&command));
        match self.bind(&needed.unwrap_or_default()) {
            Ok(pairs) => {
                worker.with(|shard, sockets| shard.execute(&command, pairs, worker, sockets))
            }
            Err(reply) => reply,
        }
    }

    /// The counters of all workers.
    #[must_use]
    pub fn stats(&self) -> MediaStats {
        let mut relay = RelayStats::default();
        for worker in &self.inner.workers {
            relay.add(&worker.with(|shard, _| shard.relay.stats()));
        }
        let pool = &self.inner.pool;
        MediaStats { relay, port_pairs_in_use: pool.in_use(), port_pairs: pool.pairs() }
    }

    /// The sessions that are up, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<CallSummary> {
        let calls = |worker: &Worker<Shard>| {
            worker.with(|shard, _| shard.relay.calls().collect::<Vec<_>>())
        };
        let mut calls: Vec<CallSummary> = self.inner.workers.iter().flat_map(calls).collect();
        calls.sort_by(|left, right| {
            (left.created, &left.call_id).cmp(&(right.created, &right.call_id))
        });
        calls
    }

    /// Takes no new sessions from here on: their offers get [`Reply::LoadLimit`].
    pub fn drain(&self) {
        for worker in &self.inner.workers {
            worker.with(|shard, _| shard.relay.drain());
        }
    }

    /// Ends every session, closes every port, and stops the threads.
    pub fn shutdown(&self) {
        self.drain();
        for worker in &self.inner.workers {
            worker.with(|shard, sockets| shard.end_all(sockets));
            worker.stop();
        }
    }

    /// Commands that are about no call in particular.
    fn general(&self, command: &Command) -> Reply {
        match command {
            Command::List(List { limit }) => {
                let calls = self.calls().into_iter().take(*limit);
                Reply::Calls(calls.map(|call| call.call_id).collect())
            }
            Command::Ping
            | Command::Offer(_)
            | Command::Answer(_)
            | Command::Delete(_)
            | Command::Query(_) => Reply::Pong,
        }
    }

    fn bind(&self, families: &[AddressFamily]) -> Result<Vec<SocketPair>, Reply> {
        let bind = |family: &AddressFamily| self.inner.pool.bind(*family == AddressFamily::Ip6);
        families.iter().map(bind).collect::<Result<_, _>>().map_err(|error| {
            tracing::warn!(%error, "no ports for a call");
            Reply::LoadLimit { message: format!("Ran out of ports: {error}") }
        })
    }
}
