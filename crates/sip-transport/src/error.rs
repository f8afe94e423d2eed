//! Why the transport layer could not start.

use std::io;

use crate::{Listener, PortHolder};

/// A listener that could not be opened. Nothing is served when one fails.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The configuration names no listener.
    #[error("no SIP listener is configured")]
    NoListener,
    /// The transport has no implementation in this build.
    #[error("cannot listen on {listener}: this transport is not supported")]
    Unsupported {
        /// The listener of that transport.
        listener: Listener,
    },
    /// Another socket holds the address.
    #[error("cannot listen on {listener}: the port is in use{}", held_by(.holder.as_ref()))]
    InUse {
        /// The listener that could not be bound.
        listener: Listener,
        /// Name and process id of the process that holds the port, where the kernel tells.
        holder: Option<PortHolder>,
    },
    /// Anything else that the kernel refused.
    #[error("cannot listen on {listener}: {error}")]
    Io {
        /// The listener that could not be bound.
        listener: Listener,
        /// What the kernel said.
        #[source]
        error: io::Error,
    },
}

fn held_by(holder: Option<&PortHolder>) -> String {
    holder.map_or_else(String::new, |holder| format!(" by {holder}"))
}
