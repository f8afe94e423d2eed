//! The control socket: how the administration commands talk to a running process.
//!
//! It is a Unix socket in the data directory that speaks HTTP with JSON. Whoever may write to the
//! directory may administer the process; there is no other authentication.

mod client;
mod directory;
mod server;
mod status;

pub use client::{Client, ControlError};
pub(crate) use directory::DataDirectory;
pub(crate) use server::ControlSocket;
pub use status::StatusReport;
