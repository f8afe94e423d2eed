//! What a service is given to run with, and the listeners that every service has.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;

use crate::clock::SystemClock;
use crate::config::{Config, Program};
use crate::control::{ControlSocket, DataDirectory, StatusReport};
use crate::drain::Drain;
use crate::error::PlatformError;
use crate::lifecycle::{Stop, StopSignals, force_at_next, wait_until_idle};
use crate::readiness::Readiness;
use crate::telemetry::Metrics;
use crate::web::{health_routes, metrics_routes, with_fallbacks};

/// The shared parts of one process. Copies share them.
#[derive(Clone, Debug)]
pub struct Platform {
    /// The binary that runs.
    pub program: Program,
    /// The settled configuration.
    pub config: Arc<Config>,
    /// The clocks.
    pub clock: SystemClock,
    /// The figures.
    pub metrics: Metrics,
    /// The checks of `/readyz`.
    pub readiness: Readiness,
    /// Whether the process is ending.
    pub drain: Drain,
}

/// What services add to the listeners that every process has.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    /// Added to `/healthz` and `/readyz` on `http.listen`.
    pub http: Router,
    /// Added to `/v1/status` on the control socket.
    pub control: Router,
}

/// The listeners of a process; dropping it closes them.
#[derive(Debug)]
pub struct Serving {
    /// Where health is served, with the port that the system chose if it was 0.
    pub http: Option<SocketAddr>,
    /// Where figures are served, likewise.
    pub metrics: Option<SocketAddr>,
    control: ControlSocket,
    /// Dropping the set ends its tasks.
    _tasks: JoinSet<()>,
}

impl Serving {
    /// The control socket.
    #[must_use]
    pub const fn control(&self) -> &PathBuf {
        self.control.path()
    }
}

impl Platform {
    /// The parts of a process that is to run with `config`. Opens nothing.
    #[must_use]
    pub fn new(program: Program, config: Config) -> Self {
        let drain = Drain::new();
        Self {
            program,
            config: Arc::new(config),
            clock: SystemClock::start(),
            metrics: Metrics::new(program.name()),
            readiness: Readiness::new(drain.clone()),
            drain,
        }
    }

    /// Makes the data directory, opens the control socket and the HTTP listeners, and serves them until
    /// the result is dropped.
    ///
    /// # Errors
    /// If one of them cannot be opened, or another process works on the data directory.
    pub async fn serve(&self, routes: Routes) -> Result<Serving, PlatformError> {
        let directory = DataDirectory::create(self.config.data_dir())?;
        let (control, listener) = ControlSocket::open(directory, self.program.control_socket())?;
        let mut tasks = JoinSet::new();
        self.serve_control(&mut tasks, listener, routes.control);
        let health = health_routes(self.readiness.clone(), routes.http);
        let http = serve_http(&mut tasks, "http.listen", self.config.http.listen, health).await?;
        let figures = metrics_routes(self.metrics.clone());
        let metrics =
            serve_http(&mut tasks, "metrics.listen", self.config.metrics.listen, figures).await?;
        Ok(Serving { http, metrics, control, _tasks: tasks })
    }

    fn serve_control(&self, tasks: &mut JoinSet<()>, listener: UnixListener, routes: Router) {
        let platform = self.clone();
        let status = get(move || std::future::ready(Json(platform.status())));
        let router = with_fallbacks(Router::new().route("/v1/status", status).merge(routes));
        tasks.spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the control socket failed");
            }
        });
    }

    fn status(&self) -> StatusReport {
        StatusReport {
            program: self.program.name().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            node: self.config.node.name(),
            pid: std::process::id(),
            uptime_s: self.clock.instant().as_nanos() / 1_000_000_000,
            readiness: self.readiness.report(),
        }
    }

    /// Says that everything has been started, waits for SIGTERM or SIGINT, and then until nothing
    /// remains to be done or the drain timeout has passed. A second signal ends the process at once.
    ///
    /// # Errors
    /// If signals cannot be received.
    pub async fn run_until_stopped(&self) -> Result<Stop, PlatformError> {
        let mut signals = StopSignals::new().map_err(PlatformError::Signals)?;
        self.readiness.started();
        signals.next().await;
        self.drain.begin();
        self.metrics.set_draining();
        force_at_next(signals);
        let timeout = self.config.shutdown.drain_timeout_s;
        tracing::info!(remaining = ?self.drain.remaining(), timeout_s = timeout.get(), "draining");
        let stop = wait_until_idle(&self.drain, timeout.duration()).await;
        match &stop {
            Stop::Drained => tracing::info!("drained"),
            Stop::TimedOut(remaining) => tracing::warn!(?remaining, "the drain timeout has passed"),
        }
        Ok(stop)
    }
}

async fn serve_http(
    tasks: &mut JoinSet<()>,
    key: &'static str,
    addr: Option<SocketAddr>,
    router: Router,
) -> Result<Option<SocketAddr>, PlatformError> {
    let Some(addr) = addr else { return Ok(None) };
    let fault = |error| PlatformError::Bind { key, addr, error };
    let listener = TcpListener::bind(addr).await.map_err(fault)?;
    let bound = listener.local_addr().map_err(fault)?;
    tasks.spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, key, "an HTTP listener failed");
        }
    });
    Ok(Some(bound))
}
