//! Accepting connections, within limits.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use offhook_sip_message::{Flow, Transport};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

use super::connection::{self, Connection};
use crate::TcpConfig;
use crate::shared::{Phase, Shared};

/// A pause after a failed accept: without file descriptors it fails again at once, for ever.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

/// Binds a listening socket.
///
/// # Errors
/// What the kernel says, `AddrInUse` above all.
pub(crate) fn bind(addr: SocketAddr, config: &TcpConfig) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Connections of a previous run in TIME-WAIT do not keep a restart from binding.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(i32::try_from(config.backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

/// Accepts connections until the transports stop.
pub(crate) async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.reached(Phase::Draining) => return,
        };
        match accepted {
            Ok((stream, remote)) => admit(&shared, stream, remote),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                shared.counters.tcp_accept_errors.increment();
                tokio::time::sleep(ERROR_PAUSE).await;
            }
        }
    }
}

/// Starts the connection's task, unless a limit or a dead peer stands against it.
fn admit(shared: &Arc<Shared>, stream: TcpStream, remote: SocketAddr) {
    // The peer may have gone before it was accepted.
    let Ok(local) = stream.local_addr() else {
        return;
    };
    if connection::prepare(&stream, &shared.config.tcp).is_err() {
        return;
    }
    let flow = Flow { transport: Transport::Tcp, local, remote, connection: None };
    if let Some(link) = shared.connections.accepted(flow, &shared.config.tcp) {
        shared.counters.tcp_accepted.increment();
        tokio::spawn(Connection::new(Arc::clone(shared), link, stream));
    } else {
        tracing::debug!(%remote, "connection refused: too many");
        shared.counters.tcp_refused.increment();
    }
}
