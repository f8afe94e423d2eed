//! What to listen on, and every limit of the transport layer.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use offhook_sip_message::{Limits, Transport};

/// One socket to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Listener {
    /// The transport spoken there.
    pub transport: Transport,
    /// The address to bind. Port 0 lets the kernel choose one.
    pub addr: SocketAddr,
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.transport.as_str().to_ascii_lowercase(), self.addr)
    }
}

/// The listeners and the limits of the transport layer.
#[derive(Clone, Debug)]
pub struct TransportConfig {
    /// What to listen on. Nothing is served unless all of it can be bound.
    pub listeners: Vec<Listener>,
    /// Limits of a message. `max_message_bytes` bounds a datagram as well as a framed message.
    pub message: Limits,
    /// UDP settings.
    pub udp: UdpConfig,
    /// TCP settings.
    pub tcp: TcpConfig,
    /// The id of the first connection; the others follow. Ids leave the process inside flow tokens, so
    /// a restarted process must not repeat them: give it a number from a clock or at random.
    pub first_connection_id: u64,
}

impl TransportConfig {
    /// The default limits with these listeners.
    #[must_use]
    pub fn new(listeners: Vec<Listener>) -> Self {
        Self {
            listeners,
            message: Limits::default(),
            udp: UdpConfig::default(),
            tcp: TcpConfig::default(),
            first_connection_id: 1,
        }
    }
}

/// UDP settings, the same for every UDP listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpConfig {
    /// Threads per listener, each with a socket of its own in one `SO_REUSEPORT` group. The kernel
    /// spreads sources over them, so messages of one source stay in order. Default 1, at least 1.
    pub workers: usize,
    /// The most datagrams taken in one system call. Default 32.
    pub batch_datagrams: usize,
    /// The kernel's receive buffer per socket, in bytes; what fits in it survives a stall of the
    /// worker. Default 4 MiB; the kernel may grant less (`net.core.rmem_max`).
    pub receive_buffer_bytes: usize,
    /// The kernel's send buffer per socket, in bytes. Default 1 MiB.
    pub send_buffer_bytes: usize,
}

impl Default for UdpConfig {
    fn default() -> Self {
        Self {
            workers: 1,
            batch_datagrams: 32,
            receive_buffer_bytes: 4 * 1024 * 1024,
            send_buffer_bytes: 1024 * 1024,
        }
    }
}

/// TCP settings, the same for every TCP listener and every connection opened from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpConfig {
    /// Open connections, accepted and opened together; beyond it, accepted ones are closed at once
    /// and none are opened. Default 65,536.
    pub max_connections: usize,
    /// Open connections accepted from one source address. Default 4,096 (many phones behind one NAT).
    pub max_connections_per_source: usize,
    /// Connections being opened at any moment; beyond it, a message that needs another one fails.
    /// Default 1,024.
    pub max_connecting: usize,
    /// How long opening a connection may take. Default 5 s: well below Timer B and F (32 s), so that
    /// the next target can still be tried.
    pub connect_timeout: Duration,
    /// A connection without traffic in either direction is closed after this time. Default 7,500 s,
    /// more than the longest registration that the registrar grants by default, because a phone that
    /// registered over TCP can be reached only through its connection.
    pub idle_timeout: Duration,
    /// How long a connection stays writable after the peer has closed its half, if it sent a message
    /// within that time: the answer may still be under way. Default 1 s.
    pub half_close_linger: Duration,
    /// How long a peer may take to complete a message that it has begun, or to begin the first one
    /// after connecting. Default 32 s (64 * T1).
    pub message_timeout: Duration,
    /// A connection with unsent bytes that takes none of them for this long is closed. Default 32 s.
    pub write_timeout: Duration,
    /// Bytes that may wait to be written to one connection. A message that does not fit closes the
    /// connection; at half of it, reading from the peer stops until the queue has drained.
    /// Default 1 MiB.
    pub write_queue_bytes: usize,
    /// Idle time before the kernel probes whether the peer is still there. Default 60 s.
    pub keepalive: Duration,
    /// The backlog of connections that the kernel accepts ahead of the process. Default 1,024.
    pub backlog: u32,
}

impl Default for TcpConfig {
    fn default() -> Self {
        Self {
            max_connections: 65_536,
            max_connections_per_source: 4096,
            max_connecting: 1024,
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(7500),
            half_close_linger: Duration::from_secs(1),
            message_timeout: Duration::from_secs(32),
            write_timeout: Duration::from_secs(32),
            write_queue_bytes: 1024 * 1024,
            keepalive: Duration::from_secs(60),
            backlog: 1024,
        }
    }
}
