//! The running service: engines, sockets, database and timers joined.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use foldhash::fast::FixedState;
use offhook_database::{Database, DatabaseError, DatabaseOptions};
use offhook_directory::Directory;
use offhook_location_store::{LocationStore, SqlLocationStore, Writer, WriterOptions};
use offhook_ng_protocol::{Command, Reply};
use offhook_platform::{
    AuthMode, Check, Config, Engage, MediaRelay, Platform, ReadyFlag, Routes, entropy,
};
use offhook_proxy::{Proxy, ShardSeed};
use offhook_registrar::Registrar;
use offhook_sip_transport::Transports;
use tokio::task::{JoinHandle, JoinSet};

use crate::directory_cache::DirectoryCache;
use crate::error::StartError;
use crate::media_control::MediaControl;
use crate::metrics::SipMetrics;
use crate::ng_client::NgClient;
use crate::settings::{self, Listening};
use crate::signalling::{SHARDS_PER_WORKER, Signalling, lock};
use crate::timers::Timers;
use crate::{bindings, gauges, status};

/// How often bindings that have ended are removed from the database, and how many at a time.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
const SWEEP_ROWS: u32 = 10_000;

/// Bindings are kept in the database for this long after their end, so that nodes whose clocks differ
/// do not remove each other's.
const SWEEP_GRACE_MS: i64 = 60_000;

/// How often the database is asked whether it is there.
const DATABASE_POLL: Duration = Duration::from_secs(2);

/// How often a relay in another process is asked whether it is there.
const RELAY_POLL: Duration = Duration::from_secs(5);

/// How long to wait between attempts to reach a database server that is coming up.
const DATABASE_RETRY: Duration = Duration::from_secs(1);

/// How long connections may take to accept what is queued for them when the service stops.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);

/// Registrar and proxy, serving.
pub struct ProxyService {
    signalling: Arc<Signalling>,
    transports: Transports,
    listening: Vec<Listening>,
    timers: Timers,
    writer: JoinHandle<()>,
    database: Database,
    /// Dropping the set ends its tasks.
    tasks: JoinSet<()>,
}

impl ProxyService {
    /// Binds the sockets, loads the bindings and serves.
    ///
    /// # Errors
    /// [`StartError`]; nothing is served then.
    pub async fn start(
        platform: &Platform,
        database: Database,
        media: MediaControl,
    ) -> Result<Self, StartError> {
        let config = &platform.config;
        let directory = Directory::new(database.clone());
        let flow_token_key = directory.secret("flow_token", entropy::seed()).await?;
        let bound = Transports::bind(settings::transport(config))?;
        let listening = settings::listening(config, bound.local_listeners());
        let store = SqlLocationStore::new(database.clone());
        let (writer, writer_task) = Writer::spawn(store.clone(), writer_options(config));
        let signalling = signalling(platform, directory, &listening, flow_token_key, writer, media);
        let loaded = load_bindings(&signalling, &store).await?;
        tracing::info!(bindings = loaded, "registrations loaded");
        let runtime = tokio::runtime::Handle::current();
        let transports = bound.start(&runtime, Arc::clone(&signalling) as _)?;
        // The receiver got its first message at the earliest in the line above; answers that come from
        // other threads before this line are lost like datagrams, and asked for again.
        let _ = signalling.transports.set(transports.clone());
        let mut tasks = JoinSet::new();
        let timers = Timers::start(&signalling, &transports)?;
        spawn_directory(&mut tasks, &signalling);
        spawn_sweeper(&mut tasks, store, platform);
        spawn_database_check(&mut tasks, database.clone(), platform);
        spawn_relay_check(&mut tasks, &signalling, platform);
        spawn_drain(&mut tasks, &signalling);
        let text: Vec<String> = listening
            .iter()
            .map(|l| format!("{} {}", l.transport.as_str().to_ascii_lowercase(), l.local))
            .collect();
        platform.readiness.add("sip", move || Check::ready(text.join(", ")));
        let writer = writer_task;
        let me = Self { signalling, transports, listening, timers, writer, database, tasks };
        me.watch(platform);
        Ok(me)
    }

    /// Where it listens and what it advertises.
    #[must_use]
    pub fn listening(&self) -> &[Listening] {
        &self.listening
    }

    /// What it adds to the control socket.
    #[must_use]
    pub fn routes(&self) -> Routes {
        Routes { control: status::routes(&self.signalling), ..Routes::default() }
    }

    /// Stops serving: no more messages are read, what was accepted is written and sent.
    pub async fn stop(mut self) {
        self.transports.shutdown(SHUTDOWN_GRACE).await;
        self.signalling.writer.close();
        if let Err(error) = self.writer.await {
            tracing::error!(%error, "the writer of bindings failed");
        }
        drop(self.timers);
        self.tasks.shutdown().await;
        self.database.close().await;
    }

    /// Has the drain wait for calls, and the metrics show the tables.
    fn watch(&self, platform: &Platform) {
        let signalling = Arc::clone(&self.signalling);
        platform.drain.watch("calls", move || {
            signalling.proxies.iter().map(|shard| lock(shard).statistics().calls as u64).sum()
        });
        gauges::register(&platform.metrics, &self.signalling, &self.transports);
    }
}

/// The whole life of the binary `offhook-proxy`.
///
/// # Errors
/// [`StartError`].
pub async fn run(platform: Platform) -> Result<(), StartError> {
    // Health is served while the database is waited for.
    let mut serving = platform.serve(Routes::default()).await?;
    let media = remote_media(&platform.config).await?;
    let database = open_database(&platform.config).await?;
    let service = ProxyService::start(&platform, database, media).await?;
    serving.mount(service.routes())?;
    for listener in service.listening() {
        tracing::info!(
            transport = listener.transport.as_str(),
            local = %listener.local,
            advertised = %listener.advertised.address,
            found = %listener.advertised.found,
            "listening"
        );
    }
    platform.run_until_stopped().await?;
    service.stop().await;
    drop(serving);
    Ok(())
}

/// Opens the configured database; a server that is still coming up is waited for.
///
/// # Errors
/// [`StartError::Database`].
pub async fn open_database(config: &Config) -> Result<Database, StartError> {
    let url = config.database_url().expose().parse()?;
    let options = DatabaseOptions {
        max_connections: config.database.max_connections,
        connect_timeout: config.database.connect_timeout_ms.duration(),
        acquire_timeout: config.database.acquire_timeout_ms.duration(),
        ..DatabaseOptions::default()
    };
    let deadline = tokio::time::Instant::now() + config.database.start_timeout_s.duration();
    loop {
        match Database::open(&url, options).await {
            Ok(database) => return Ok(database),
            Err(error @ (DatabaseError::Unreachable { .. } | DatabaseError::TimedOut { .. }))
                if tokio::time::Instant::now() < deadline =>
            {
                tracing::warn!(%error, "database not there yet");
                tokio::time::sleep(DATABASE_RETRY).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// The media relay of a process that has none of its own.
///
/// # Errors
/// [`StartError::NoRelay`] and [`StartError::Relay`].
pub async fn remote_media(config: &Config) -> Result<MediaControl, StartError> {
    match (&config.media.engage, &config.media.relay) {
        (Engage::Never, _) => Ok(MediaControl::None),
        (Engage::Always | Engage::Nat, MediaRelay::Internal) => Err(StartError::NoRelay),
        (Engage::Always | Engage::Nat, MediaRelay::Ng(relay)) => {
            let timeout = config.media.ng_timeout_ms.duration();
            let instance = entropy::seed_u64();
            let client = NgClient::connect(&relay.to_string(), timeout, instance).await?;
            Ok(MediaControl::Remote(client))
        }
    }
}

fn writer_options(config: &Config) -> WriterOptions {
    WriterOptions {
        max_queued: config.database.commit_queue as usize,
        max_group: config.database.commit_batch as usize,
        gather: config.database.commit_delay_ms.duration(),
    }
}

fn signalling(
    platform: &Platform,
    directory: Directory,
    listening: &[Listening],
    flow_token_key: [u8; 32],
    writer: Writer,
    media: MediaControl,
) -> Arc<Signalling> {
    let config = &platform.config;
    let domains = Arc::new(settings::domains(config, listening));
    let interfaces = Arc::new(settings::interfaces(listening));
    let shards = config.sip.worker_count() * SHARDS_PER_WORKER;
    let proxy =
        Arc::new(settings::proxy(config, Arc::clone(&domains), interfaces, flow_token_key, shards));
    let registrar = settings::registrar(config, Arc::clone(&domains), shards);
    let seed = || ShardSeed { identifiers: entropy::seed_u64(), nonce_key: entropy::seed() };
    let default_domain = config.sip.domains.first().map_or("", |name| name.as_str());
    Arc::new_cyclic(|me| Signalling {
        proxies: (0..shards).map(|_| Mutex::new(Proxy::new(Arc::clone(&proxy), seed()))).collect(),
        registrars: (0..shards)
            .map(|_| {
                let ShardSeed { identifiers, nonce_key } = seed();
                Mutex::new(Registrar::new(registrar.clone(), identifiers, nonce_key))
            })
            .collect(),
        domains,
        limits: settings::limits(config),
        clock: platform.clock,
        directory: DirectoryCache::new(directory, default_domain.to_owned()),
        authenticate: config.sip.auth == AuthMode::Digest,
        writer,
        media,
        metrics: SipMetrics::new(&platform.metrics),
        runtime: tokio::runtime::Handle::current(),
        spread: FixedState::with_seed(entropy::seed_u64()),
        drain: platform.drain.clone(),
        transports: OnceLock::new(),
        me: me.clone(),
    })
}

/// Brings the stored bindings into the registrars' memory.
async fn load_bindings(
    signalling: &Signalling,
    store: &SqlLocationStore,
) -> Result<u64, StartError> {
    let now = signalling.clock.now();
    let now_ms = i64::try_from(now.wall.as_millis()).unwrap_or(i64::MAX);
    let loaded = store
        .load_all(now_ms, |row| match bindings::loaded(row, now) {
            Ok(stored) => signalling.load(stored, now),
            Err(error) => tracing::warn!(%error, "a stored registration cannot be read"),
        })
        .await?;
    Ok(loaded)
}

fn spawn_directory(tasks: &mut JoinSet<()>, signalling: &Arc<Signalling>) {
    let signalling = Arc::clone(signalling);
    tasks.spawn(async move { signalling.directory.follow_changes().await });
}

/// Removes what has ended, a batch at a time.
fn spawn_sweeper(tasks: &mut JoinSet<()>, store: SqlLocationStore, platform: &Platform) {
    let clock = platform.clock;
    tasks.spawn(async move {
        let mut interval = tokio::time::interval(SWEEP_INTERVAL);
        loop {
            interval.tick().await;
            let now_ms = i64::try_from(clock.now().wall.as_millis()).unwrap_or(i64::MAX);
            loop {
                match store.remove_expired(now_ms - SWEEP_GRACE_MS, SWEEP_ROWS).await {
                    Ok(removed) if removed == u64::from(SWEEP_ROWS) => {}
                    Ok(_) => break,
                    Err(error) => {
                        tracing::warn!(%error, "ended registrations not removed");
                        break;
                    }
                }
            }
        }
    });
}

/// Keeps `/readyz` informed about the database.
fn spawn_database_check(tasks: &mut JoinSet<()>, database: Database, platform: &Platform) {
    let flag: ReadyFlag = platform.readiness.flag("database", "not asked yet");
    flag.ready(database.name());
    tasks.spawn(async move {
        let mut interval = tokio::time::interval(DATABASE_POLL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            match database.ping().await {
                Ok(()) => flag.ready(database.name()),
                Err(error) => flag.not_ready(error.to_string()),
            }
        }
    });
}

/// Keeps `/readyz` informed about a relay in another process: without it no call can be relayed.
fn spawn_relay_check(tasks: &mut JoinSet<()>, signalling: &Signalling, platform: &Platform) {
    let MediaControl::Remote(client) = &signalling.media else { return };
    let client = client.clone();
    let flag = platform.readiness.flag("relay", "not asked yet");
    tasks.spawn(async move {
        let mut interval = tokio::time::interval(RELAY_POLL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            match client.execute(&Command::Ping).await {
                Ok(Reply::Pong) => flag.ready(client.relay()),
                Ok(other) => flag.not_ready(format!("{} says {other:?}", client.relay())),
                Err(error) => flag.not_ready(error.to_string()),
            }
        }
    });
}

/// Refuses new calls once the process is to end.
fn spawn_drain(tasks: &mut JoinSet<()>, signalling: &Arc<Signalling>) {
    let signalling = Arc::clone(signalling);
    tasks.spawn(async move {
        signalling.drain.draining().await;
        signalling.refuse_new_calls();
    });
}
