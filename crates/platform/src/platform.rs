//! What a service is given to run with, and the listeners that every service has.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
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
    platform: Platform,
    control: ControlSocket,
    control_listener: UnixListener,
    http_listener: Option<TcpListener>,
    /// Dropping the set ends its tasks.
    tasks: JoinSet<()>,
    _metrics_task: JoinSet<()>,
}

impl Serving {
    /// The control socket.
    #[must_use]
    pub const fn control(&self) -> &PathBuf {
        self.control.path()
    }

    /// Serves `routes` in place of those that were given before. Health and status go on being served
    /// meanwhile.
    ///
    /// # Errors
    /// If a listener can no longer be used.
    pub fn mount(&mut self, routes: Routes) -> Result<(), PlatformError> {
        let mut tasks = JoinSet::new();
        let platform = self.platform.clone();
        let status = get(move || std::future::ready(Json(platform.status())));
        let router = Router::new().route("/v1/status", status).merge(routes.control);
        let path = self.control.path();
        let listener =
            self.control_listener.try_clone().and_then(tokio::net::UnixListener::from_std);
        let listener =
            listener.map_err(|error| PlatformError::ControlSocket { path: path.clone(), error })?;
        spawn(&mut tasks, listener, with_fallbacks(router), "the control socket");
        if let (Some(addr), Some(listener)) = (self.http, &self.http_listener) {
            let router = health_routes(self.platform.readiness.clone(), routes.http);
            let listener = listener.try_clone().and_then(tokio::net::TcpListener::from_std);
            let listener =
                listener.map_err(|error| PlatformError::Bind { key: HTTP, addr, error })?;
            spawn(&mut tasks, listener, router, HTTP);
        }
        self.tasks = tasks;
        Ok(())
    }
}

const HTTP: &str = "http.listen";
const METRICS: &str = "metrics.listen";

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
    /// the result is dropped. Routes that come to be only later are added with [`Serving::mount`].
    ///
    /// # Errors
    /// If one of them cannot be opened, or another process works on the data directory.
    pub async fn serve(&self, routes: Routes) -> Result<Serving, PlatformError> {
        let directory = DataDirectory::create(self.config.data_dir())?;
        let (control, control_listener) =
            ControlSocket::open(directory, self.program.control_socket())?;
        let http = bind(HTTP, self.config.http.listen).await?;
        let metrics = bind(METRICS, self.config.metrics.listen).await?;
        tracing::info!(
            program = self.program.name(),
            version = env!("CARGO_PKG_VERSION"),
            node = self.config.node.name(),
            database = %self.config.database_url(),
            "starting"
        );
        let mut metrics_task = JoinSet::new();
        let metrics = match metrics {
            Some((addr, listener)) => {
                let listener = tokio::net::TcpListener::from_std(listener)
                    .map_err(|error| PlatformError::Bind { key: METRICS, addr, error })?;
                let router = metrics_routes(self.metrics.clone());
                spawn(&mut metrics_task, listener, router, METRICS);
                Some(addr)
            }
            None => None,
        };
        let (http, http_listener) = http.unzip();
        let mut serving = Serving {
            http,
            metrics,
            platform: self.clone(),
            control,
            control_listener,
            http_listener,
            tasks: JoinSet::new(),
            _metrics_task: metrics_task,
        };
        serving.mount(routes)?;
        Ok(serving)
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

/// Opens the listener that `key` asks for, if it asks for one.
async fn bind(
    key: &'static str,
    addr: Option<SocketAddr>,
) -> Result<Option<(SocketAddr, TcpListener)>, PlatformError> {
    let Some(addr) = addr else { return Ok(None) };
    let fault = |error| PlatformError::Bind { key, addr, error };
    let listener = tokio::net::TcpListener::bind(addr).await.map_err(fault)?;
    let listener = listener.into_std().map_err(fault)?;
    Ok(Some((listener.local_addr().map_err(fault)?, listener)))
}

fn spawn<L>(tasks: &mut JoinSet<()>, listener: L, router: Router, name: &'static str)
where
    L: axum::serve::Listener<Addr: std::fmt::Debug>,
{
    tasks.spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, listener = name, "a listener failed");
        }
    });
}

/// Makes the data directory of `config` if there is none, for its owner alone.
///
/// # Errors
/// [`PlatformError::DataDir`].
pub fn create_data_dir(config: &Config) -> Result<(), PlatformError> {
    DataDirectory::create(config.data_dir()).map(|_| ())
}
