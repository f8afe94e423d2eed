//! What can go wrong with media sockets.

use std::{io, net::SocketAddr};

use thiserror::Error;

/// Why ports or workers are not to be had.
#[derive(Debug, Error)]
pub enum MediaIoError {
    /// Every pair of the range is in use, by this process or another one.
    #[error("all UDP ports from {first} to {last} are in use")]
    Exhausted {
        /// The first port of the range.
        first: u16,
        /// The last port of the range.
        last: u16,
    },
    /// The range holds no pair of an even port and the next one.
    #[error("no pair of ports between {first} and {last}")]
    EmptyRange {
        /// The first port of the range.
        first: u16,
        /// The last port of the range.
        last: u16,
    },
    /// There is no local address of the family.
    #[error("no local {0} address for media")]
    NoAddress(&'static str),
    /// An address cannot be bound, whatever the port.
    #[error("cannot bind {address}: {error}")]
    Bind {
        /// What was to be bound.
        address: SocketAddr,
        /// The system's reason.
        error: io::Error,
    },
    /// A worker cannot be started, or a socket cannot be given to it.
    #[error("cannot run a media worker: {0}")]
    Worker(#[from] io::Error),
}
