//! `health`: asks the process on this machine whether it is well, for health checks of containers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use clap::Args;
use hyper::StatusCode;
use tokio::net::TcpStream;

use crate::config::Config;
use crate::exit::Exit;
use crate::readiness::{ReadinessReport, Status};
use crate::terminal::{complain, print};
use crate::web::{GetError, get};

/// Arguments of `health`.
#[derive(Args, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HealthArgs {
    /// Ask only whether the process is alive (/healthz), not whether it is ready (/readyz)
    #[arg(long)]
    pub live: bool,
}

/// Why the process is not well, or cannot be asked.
#[derive(Debug, thiserror::Error)]
enum HealthError {
    #[error("`http.listen` is \"\", so there is nothing to ask")]
    NoListener,
    #[error("cannot connect to {addr}: {error}")]
    Connect { addr: SocketAddr, error: std::io::Error },
    #[error("{addr} does not answer: {error}")]
    Get { addr: SocketAddr, error: GetError },
    #[error("{addr} answers {status}")]
    Status { addr: SocketAddr, status: StatusCode },
    #[error("not ready: {}", reasons(.0))]
    NotReady(ReadinessReport),
}

/// Asks the process at `http.listen` and prints what it says.
pub async fn health(config: &Config, args: HealthArgs) -> Exit {
    match ask(config, args).await {
        Ok(()) => {
            print(if args.live { "alive\n" } else { "ready\n" });
            Exit::Success
        }
        Err(error) => {
            complain(&format!("error: {error}"));
            Exit::Failure
        }
    }
}

async fn ask(config: &Config, args: HealthArgs) -> Result<(), HealthError> {
    let addr = reachable(config.http.listen.ok_or(HealthError::NoListener)?);
    let stream =
        TcpStream::connect(addr).await.map_err(|error| HealthError::Connect { addr, error })?;
    let path = if args.live { "/healthz" } else { "/readyz" };
    let answer = get(stream, &addr.to_string(), path).await;
    let (status, body) = answer.map_err(|error| HealthError::Get { addr, error })?;
    if status == StatusCode::OK {
        return Ok(());
    }
    match serde_json::from_slice(&body) {
        Ok(report) => Err(HealthError::NotReady(report)),
        Err(_) => Err(HealthError::Status { addr, status }),
    }
}

/// The address to connect to for a listener: a wildcard is reached over loopback.
fn reachable(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listener.port())
}

fn reasons(report: &ReadinessReport) -> String {
    let failing = report.checks.iter().filter(|check| !check.ready);
    let failing: Vec<String> =
        failing.map(|check| format!("{}: {}", check.name, check.detail)).collect();
    let status = match report.status {
        Status::Ready => "ready",
        Status::Starting => "starting",
        Status::Draining => "draining",
        Status::NotReady => "a check fails",
    };
    if failing.is_empty() {
        status.to_owned()
    } else {
        format!("{status} ({})", failing.join("; "))
    }
}
