//! Why the service does not come up.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use offhook_media_io::MediaIoError;
use offhook_platform::PlatformError;
use thiserror::Error;

/// Why the service does not come up.
#[derive(Debug, Error)]
pub enum MediaError {
    /// There is no address for media.
    #[error("no address for media is configured")]
    NoAddress,
    /// An address that is bound and the one that is advertised for it differ in family.
    #[error("media.listen {bind} and media.advertise {advertise} are not of the same IP version")]
    Families {
        /// The local address.
        bind: IpAddr,
        /// The address written into SDP.
        advertise: IpAddr,
    },
    /// Ports or threads are not to be had.
    #[error(transparent)]
    Io(#[from] MediaIoError),
    /// The address for ng commands cannot be bound.
    #[error("cannot listen for ng commands on udp {address} (media.listen_ng)")]
    BindNg {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        error: io::Error,
    },
    /// The listeners that every service has are not to be had.
    #[error(transparent)]
    Platform(#[from] PlatformError),
}
