//! Sending to connections, and opening those that are missing.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use offhook_sip_message::Flow;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time;

use super::connection::{self, Connection};
use super::link::Link;
use super::table::Reached;
use crate::Outbound;
use crate::shared::{Phase, Shared};

/// Hands a message to the connection that its flow means, opening one if it means any; false if that
/// connection is gone or full, or no other may be opened.
pub(crate) fn send(shared: &Arc<Shared>, message: &Outbound) -> bool {
    if let Some(id) = message.flow.connection {
        return shared.connections.get(id, &message.flow).is_some_and(|link| link.push(message));
    }
    match shared.connections.reach(message.flow, &shared.config.tcp) {
        Reached::Existing(link) => link.push(message),
        Reached::New(link) => {
            let queued = link.push(message);
            shared.counters.tcp_connecting.increment();
            shared.runtime.spawn(open(Arc::clone(shared), link));
            queued
        }
        Reached::Refused => {
            shared.counters.tcp_refused.increment();
            false
        }
    }
}

/// Opens the connection of `link` and serves it until it closes.
async fn open(shared: Arc<Shared>, link: Arc<Link>) {
    let connected = tokio::select! {
        connected = time::timeout(shared.config.tcp.connect_timeout, connect(&link.flow)) => {
            connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        }
        () = shared.reached(Phase::Aborting) => Err(io::ErrorKind::Interrupted.into()),
    };
    shared.connections.connecting_done();
    shared.counters.tcp_connecting.decrement();
    match connected.and_then(|stream| {
        connection::prepare(&stream, &shared.config.tcp)?;
        Ok(stream)
    }) {
        Ok(stream) => {
            shared.counters.tcp_opened.increment();
            Connection::new(shared, link, stream).await;
        }
        Err(error) => {
            tracing::debug!(remote = %link.flow.remote, %error, "cannot connect");
            shared.counters.tcp_open_failed.increment();
            shared.connections.remove(&link);
            connection::fail_all(&shared, link.close());
        }
    }
}

/// Connects from the address of the listener, so that a multi-homed host is seen by its peer under the
/// address that it names in Via. The port is the kernel's choice: the listener's own is taken.
async fn connect(flow: &Flow) -> io::Result<TcpStream> {
    let socket = if flow.remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if flow.local.is_ipv4() == flow.remote.is_ipv4() && !flow.local.ip().is_unspecified() {
        socket.bind(SocketAddr::new(flow.local.ip(), 0))?;
    }
    socket.connect(flow.remote).await
}
