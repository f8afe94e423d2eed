//! The transport layer as its user sees it: bind, start, send, stop.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Handle;

use crate::bind::{Sockets, bind_all};
use crate::outbox::Home;
use crate::shared::{Phase, Shared};
use crate::{BindError, Listener, Outbox, Receiver, Stats, TransportConfig, tcp, udp};

/// How long connections that were told to close at once may take to do so.
const ABORT_WAIT: Duration = Duration::from_secs(1);

/// The listeners, bound but not serving yet.
#[derive(Debug)]
pub struct BoundTransports {
    config: TransportConfig,
    sockets: Sockets,
}

/// The running transport layer. Clones are handles to the same one.
#[derive(Clone)]
pub struct Transports {
    shared: Arc<Shared>,
    workers: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl BoundTransports {
    /// What is listened on, with the ports that the kernel chose where the configuration gave none.
    #[must_use]
    pub fn local_listeners(&self) -> &[Listener] {
        &self.sockets.listeners
    }

    /// Begins to serve: UDP on threads of its own, TCP on `runtime`.
    ///
    /// # Errors
    /// [`BindError::Io`] when a thread cannot be started or a socket not be handed to the runtime;
    /// nothing is served then.
    pub fn start(
        self,
        runtime: &Handle,
        receiver: Arc<dyn Receiver>,
    ) -> Result<Transports, BindError> {
        let Self { config, sockets } = self;
        let Sockets { udp: endpoints, tcp: tcp_listeners, listeners } = sockets;
        let listeners_of_endpoints: Vec<Listener> = endpoints
            .iter()
            .map(|e| Listener { transport: offhook_sip_message::Transport::Udp, addr: e.bound() })
            .collect();
        let shared = Arc::new(Shared::new(config, listeners, endpoints, receiver, runtime.clone()));
        let transports =
            Transports { shared: Arc::clone(&shared), workers: Arc::new(Mutex::new(Vec::new())) };
        let stop = |listener: Listener| {
            let shared = Arc::clone(&shared);
            move |error| {
                shared.advance(Phase::Aborting);
                BindError::Io { listener, error }
            }
        };
        let _in_runtime = runtime.enter();
        for (listener, socket) in tcp_listeners {
            let socket = TcpListener::from_std(socket).map_err(stop(listener))?;
            runtime.spawn(tcp::accept(Arc::clone(&shared), socket));
        }
        for (index, listener) in listeners_of_endpoints.into_iter().enumerate() {
            let shared = Arc::clone(&shared);
            let worker = thread::Builder::new()
                .name(format!("sip-udp-{index}"))
                .spawn(move || udp::run(&shared, index))
                .map_err(stop(listener))?;
            transports.lock_workers().push(worker);
        }
        Ok(transports)
    }
}

impl Transports {
    /// Binds every listener of `config`.
    ///
    /// # Errors
    /// The first listener that cannot be opened; who holds its port, where the kernel tells.
    pub fn bind(config: TransportConfig) -> Result<BoundTransports, BindError> {
        let sockets = bind_all(&config)?;
        Ok(BoundTransports { config, sockets })
    }

    /// An outbox for a thread that does not belong to the transports: timers, database answers.
    #[must_use]
    pub fn outbox(&self) -> Outbox {
        Outbox::new(Arc::clone(&self.shared), Home::Elsewhere)
    }

    /// What is listened on, with the ports that the kernel chose where the configuration gave none.
    #[must_use]
    pub fn local_listeners(&self) -> &[Listener] {
        &self.shared.listeners
    }

    /// The counters as they stand.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.counters.snapshot()
    }

    /// Stops reading, writes what is queued, closes all connections and ends the threads.
    ///
    /// Connections that have not taken their queue after `grace` are closed anyway. Datagrams can be
    /// sent until the last handle and outbox are gone.
    pub async fn shutdown(&self, grace: Duration) {
        self.shared.advance(Phase::Draining);
        let workers = std::mem::take(&mut *self.lock_workers());
        let joined = tokio::task::spawn_blocking(move || {
            for worker in workers {
                if worker.join().is_err() {
                    tracing::error!("a UDP worker has panicked");
                }
            }
        });
        if joined.await.is_err() {
            tracing::error!("the UDP workers could not be joined");
        }
        if tokio::time::timeout(grace, self.shared.connections.empty()).await.is_err() {
            self.shared.advance(Phase::Aborting);
            let ended = tokio::time::timeout(ABORT_WAIT, self.shared.connections.empty()).await;
            if ended.is_err() {
                tracing::warn!("connections are still open after the shutdown");
            }
        }
    }

    fn lock_workers(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
