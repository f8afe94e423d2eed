//! The media relay joined to sockets; the binary `offhook-media`.
//!
//! [`MediaService::start`] gives a [`MediaHandle`], whose [`MediaHandle::execute`] carries out ng
//! commands in the calling thread: a SIP service in the same process calls it directly. For SIP
//! servers elsewhere, an [`NgListener`] takes the same commands over UDP.
//!
//! Sessions are spread over the workers by a hash of their Call-ID; a worker is one thread with
//! its own relay engine and its own sockets.

mod collector;
mod config;
mod cookies;
mod error;
mod handle;
mod ng_listener;
mod routes;
mod service;
mod shard;

pub use collector::MediaCollector;
pub use config::{MediaAddress, MediaConfig};
pub use error::MediaError;
pub use handle::{MediaHandle, MediaService, MediaStats};
pub use ng_listener::NgListener;
pub use offhook_media::CallSummary;
pub use routes::{CallEntry, control_routes};
pub use service::{Running, run};
