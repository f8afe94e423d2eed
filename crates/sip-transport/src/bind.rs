//! Opening every listener before anything is served.

use std::io;
use std::sync::{Arc, Mutex};

use offhook_sip_message::Transport;

use crate::port_holder::port_holder;
use crate::udp::{Endpoint, RecentSends};
use crate::{BindError, Listener, TransportConfig, tcp};

/// The sockets of all listeners.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    pub(crate) udp: Vec<Endpoint>,
    pub(crate) tcp: Vec<(Listener, std::net::TcpListener)>,
    /// The listeners with the ports that they have got.
    pub(crate) listeners: Vec<Listener>,
}

/// Binds all listeners of `config`.
///
/// # Errors
/// The first listener that cannot be opened, and why.
pub(crate) fn bind_all(config: &TransportConfig) -> Result<Sockets, BindError> {
    if config.listeners.is_empty() {
        return Err(BindError::NoListener);
    }
    let mut sockets = Sockets::default();
    for &listener in &config.listeners {
        let bound = match listener.transport {
            Transport::Udp => bind_udp(listener, config, &mut sockets),
            Transport::Tcp => bind_tcp(listener, config, &mut sockets),
            Transport::Tls | Transport::Ws | Transport::Wss => {
                return Err(BindError::Unsupported { listener });
            }
        };
        let addr = bound.map_err(|error| explain(listener, error))?;
        sockets.listeners.push(Listener { addr, ..listener });
    }
    Ok(sockets)
}

fn bind_udp(
    listener: Listener,
    config: &TransportConfig,
    sockets: &mut Sockets,
) -> io::Result<std::net::SocketAddr> {
    let recent = Arc::new(Mutex::new(RecentSends::default()));
    Endpoint::probe(listener.addr)?;
    let first = Endpoint::bind(listener.addr, &config.udp, Arc::clone(&recent))?;
    // With port 0 the first socket has chosen the port for the others.
    let addr = first.bound();
    sockets.udp.push(first);
    for _ in 1..config.udp.workers {
        sockets.udp.push(Endpoint::bind(addr, &config.udp, Arc::clone(&recent))?);
    }
    Ok(addr)
}

fn bind_tcp(
    listener: Listener,
    config: &TransportConfig,
    sockets: &mut Sockets,
) -> io::Result<std::net::SocketAddr> {
    let socket = tcp::bind(listener.addr, &config.tcp)?;
    let addr = socket.local_addr()?;
    sockets.tcp.push((Listener { addr, ..listener }, socket));
    Ok(addr)
}

fn explain(listener: Listener, error: io::Error) -> BindError {
    if error.kind() == io::ErrorKind::AddrInUse {
        let holder = port_holder(listener.transport, listener.addr.port());
        BindError::InUse { listener, holder }
    } else {
        BindError::Io { listener, error }
    }
}
