//! One bound UDP socket: how it is set up, which flows it serves, and how messages leave by it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use offhook_sip_message::Flow;
use socket2::{Domain, Protocol, Socket, Type};

use super::batch::{self, Departure};
use super::recent_sends::RecentSends;
use crate::stats::Counters;
use crate::{Outbound, Ticket, UdpConfig};

/// How often a blocked worker looks whether it should stop.
const STOP_CHECK_INTERVAL: Duration = Duration::from_millis(200);

/// How long a send may wait for room in the kernel's send buffer.
const SEND_BUFFER_WAIT: Duration = Duration::from_millis(100);

/// How many errors of earlier datagrams may get in the way of one message before it counts as failed.
const MAX_STALE_ERRORS: usize = 16;

/// A bound UDP socket. Several of one listener share the port through `SO_REUSEPORT`.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(super) socket: Socket,
    bound: SocketAddr,
    /// Shared by all sockets of the listener: an ICMP error may reach any of them.
    recent: Arc<Mutex<RecentSends>>,
}

impl Endpoint {
    /// Binds a socket to `addr`.
    ///
    /// # Errors
    /// What the kernel says, `AddrInUse` above all.
    pub(crate) fn bind(
        addr: SocketAddr,
        config: &UdpConfig,
        recent: Arc<Mutex<RecentSends>>,
    ) -> io::Result<Self> {
        let socket = unbound(addr)?;
        socket.set_reuse_port(config.workers > 1)?;
        socket.set_recv_buffer_size(config.receive_buffer_bytes)?;
        socket.set_send_buffer_size(config.send_buffer_bytes)?;
        batch::force_buffers(&socket, config.receive_buffer_bytes, config.send_buffer_bytes);
        socket.set_read_timeout(Some(STOP_CHECK_INTERVAL))?;
        socket.set_write_timeout(Some(SEND_BUFFER_WAIT))?;
        if addr.ip().is_unspecified() {
            batch::enable_packet_info(&socket, addr.is_ipv6())?;
        }
        batch::enable_error_queue(&socket, addr.is_ipv6())?;
        socket.bind(&addr.into())?;
        let bound = socket.local_addr()?.as_socket().unwrap_or(addr);
        Ok(Self { socket, bound, recent })
    }

    /// Fails if any socket at all is bound to `addr`. A `SO_REUSEPORT` group lets further processes of
    /// the same user join, which would silently take a share of the traffic.
    ///
    /// # Errors
    /// `AddrInUse` if the address is taken.
    pub(crate) fn probe(addr: SocketAddr) -> io::Result<()> {
        unbound(addr)?.bind(&addr.into())
    }

    /// The address the socket is bound to, with the port that the kernel chose if none was given.
    pub(crate) fn bound(&self) -> SocketAddr {
        self.bound
    }

    /// The local address of the flow of a datagram that was sent to `destination`.
    pub(super) fn local(&self, destination: Option<IpAddr>) -> SocketAddr {
        match destination {
            Some(ip) if self.bound.ip().is_unspecified() => SocketAddr::new(ip, self.bound.port()),
            Some(_) | None => self.bound,
        }
    }

    /// True if messages of a flow with this local address leave by this socket.
    pub(crate) fn serves(&self, local: SocketAddr) -> bool {
        self.bound == local
            || (self.bound.port() == local.port()
                && self.bound.is_ipv4() == local.is_ipv4()
                && self.bound.ip().is_unspecified())
    }

    /// The source address to ask for: only a socket bound to a wildcard has a choice.
    fn source(&self, local: SocketAddr) -> Option<IpAddr> {
        let chosen = self.bound.ip().is_unspecified() && !local.ip().is_unspecified();
        chosen.then(|| local.ip())
    }

    /// Sends `messages`; those that certainly failed, now or earlier, are added to `failed`.
    pub(crate) fn send(
        &self,
        messages: &[Outbound],
        counters: &Counters,
        failed: &mut Vec<(Flow, Ticket)>,
    ) {
        if messages.iter().any(|message| message.ticket.is_wanted()) {
            let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
            messages.iter().for_each(|message| recent.record(message.flow, message.ticket));
        }
        let mut rest = messages;
        let mut stale_errors = 0;
        while !rest.is_empty() {
            let departures = rest.iter().map(|message| Departure {
                bytes: &message.bytes,
                remote: message.flow.remote,
                source: self.source(message.flow.local),
            });
            match batch::send(&self.socket, departures) {
                Ok(sent) => {
                    counters.udp_sent.add(sent as u64);
                    rest = rest.get(sent..).unwrap_or_default();
                    stale_errors = 0;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_full(&error) => {
                    // The peer's retransmission timers treat it as any other loss.
                    counters.udp_send_buffer_full.increment();
                    rest = rest.get(1..).unwrap_or_default();
                }
                // The error of an earlier datagram is reported by the next call, whoever that is for:
                // then the message itself was not tried.
                Err(_)
                    if stale_errors < MAX_STALE_ERRORS && self.drain_errors(counters, failed) =>
                {
                    stale_errors += 1;
                }
                Err(error) => {
                    let (first, others) = (&rest[0], &rest[1..]);
                    counters.udp_send_failed.increment();
                    tracing::debug!(remote = %first.flow.remote, %error, "datagram not sent");
                    report(first.flow, first.ticket, failed);
                    rest = others;
                }
            }
        }
    }

    /// Empties the error queue; true if it held an error from the network.
    pub(super) fn drain_errors(
        &self,
        counters: &Counters,
        failed: &mut Vec<(Flow, Ticket)>,
    ) -> bool {
        let mut any = false;
        while let Ok(Some(error)) = batch::pop_error(&self.socket) {
            any |= error.from_network;
            if !error.from_network || !is_unreachable(error.errno) {
                continue;
            }
            counters.udp_unreachable.increment();
            if let Some(remote) = error.remote {
                let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
                recent.take(remote, failed);
            }
        }
        any
    }
}

/// Adds a failure that somebody wants to know of.
fn report(flow: Flow, ticket: Ticket, failed: &mut Vec<(Flow, Ticket)>) {
    if ticket.is_wanted() {
        failed.push((flow, ticket));
    }
}

fn unbound(addr: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    if addr.is_ipv6() {
        // An IPv4 listener of its own serves IPv4; mapped addresses would hide the family.
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

fn is_full(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(libc::ENOBUFS)
}

/// The errors that mean "nothing there"; a message about the path MTU, for one, does not.
fn is_unreachable(errno: i32) -> bool {
    matches!(
        errno,
        libc::ECONNREFUSED
            | libc::EHOSTUNREACH
            | libc::ENETUNREACH
            | libc::EHOSTDOWN
            | libc::ENONET
            | libc::EACCES
            | libc::EPERM
    )
}
