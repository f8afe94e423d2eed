//! SIP sockets: batched UDP, TCP connections, and the flows that name them (RFC 3261 section 18).
//!
//! A [`Receiver`] is called on the thread that has read a message and carries it to its end there; what it
//! sends is collected in an [`Outbox`] and written in one batch. Nothing is queued between threads except
//! for TCP connections that belong to another task.
//!
//! - **UDP**: each listener has one or more threads of its own, which block in `recvmmsg` and answer with
//!   `sendmmsg`. On a wildcard address the destination of every datagram is learnt and kept in its
//!   [`Flow`](offhook_sip_message::Flow), and answers leave from it, as a multi-homed host must.
//! - **TCP**: one task per connection. A message is processed by the task that read it, and its answer
//!   leaves by one vectored write. Connections are reused by address, opened on demand and bounded in
//!   number, in idle time and in queued bytes: a peer that does not read is first not read from, then
//!   closed.
//!
//! Every failure that can be attributed comes back as [`Receiver::send_failed`] with the ticket of the
//! message. All limits are in [`TransportConfig`].

mod bind;
mod config;
mod error;
mod outbox;
mod port_holder;
mod receiver;
mod shared;
mod stats;
mod tcp;
mod transports;
mod udp;

pub use config::{Listener, TcpConfig, TransportConfig, UdpConfig};
pub use error::BindError;
pub use outbox::Outbox;
pub use port_holder::{PortHolder, port_holder};
pub use receiver::{Inbound, Outbound, Receiver, Ticket};
pub use stats::Stats;
pub use transports::{BoundTransports, Transports};
