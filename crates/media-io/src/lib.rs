//! Media sockets: the pool of ports, and the threads that move packets.
//!
//! [`PortPool`] binds pairs of UDP ports, RTP on an even one and RTCP on the next. A [`Worker`] is
//! a thread with an epoll instance that receives on the pairs given to it; a [`Forwarder`] (the
//! relay engine, joined to this crate by the service) says where each packet goes, and the worker
//! sends it from there. A call lives on one worker, so nothing is shared between them.
//!
//! Each packet is received and sent by a system call of its own: in calls, packets of one socket
//! come 20 ms apart, so there is hardly ever a second one to batch with. What is batched is the
//! waiting and the locking: one for all the sockets that have become readable.

mod epoll;
mod error;
mod pool;
mod sockets;
mod worker;

pub use error::MediaIoError;
pub use pool::{PortPool, PortPoolConfig, SocketPair};
pub use sockets::Sockets;
pub use worker::{Forwarder, Worker};
