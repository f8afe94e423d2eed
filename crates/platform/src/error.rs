//! What can go wrong while the shared parts of a service start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// The data directory cannot be made or entered.
    #[error(
        "cannot use the data directory {}: {error}. Choose another with --data-dir, or give this user \
         the right to write there",
        path.display()
    )]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Another process works on the same data directory.
    #[error(
        "another process is already running on {}. Stop it first, or give this one a directory of its \
         own with --data-dir",
        path.display()
    )]
    AlreadyRunning {
        /// The data directory.
        path: PathBuf,
    },
    /// The control socket cannot be opened.
    #[error("cannot open the control socket {}: {error}", path.display())]
    ControlSocket {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// An HTTP listener cannot be opened.
    #[error("cannot listen on tcp:{addr} (`{key}`): {error}. {}", bind_advice(error))]
    Bind {
        /// The key that asks for it.
        key: &'static str,
        /// The address.
        addr: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// Signals of the operating system cannot be received.
    #[error("cannot listen for signals of the operating system: {0}")]
    Signals(io::Error),
}

/// What to do when an address cannot be bound, in one sentence.
#[must_use]
pub fn bind_advice(error: &io::Error) -> &'static str {
    let kind = error.kind();
    if kind == io::ErrorKind::AddrInUse {
        "Another program holds this port: stop it, or choose another port"
    } else if kind == io::ErrorKind::AddrNotAvailable {
        "No interface of this machine has this address: use one that it has, or 0.0.0.0 for all"
    } else if kind == io::ErrorKind::PermissionDenied {
        "Ports below 1024 need a privilege (CAP_NET_BIND_SERVICE): choose a higher port, or grant it"
    } else {
        "Choose another address"
    }
}
