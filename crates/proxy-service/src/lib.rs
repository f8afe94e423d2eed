//! The proxy and registrar joined to sockets and database; the binary `offhook-proxy`.

mod bindings;
mod directory_cache;
mod error;
mod gauges;
mod media_control;
mod metrics;
mod ng_client;
mod report;
mod service;
mod settings;
mod signalling;
mod status;
mod timers;

pub use error::StartError;
pub use media_control::{ExecuteCommand, MediaControl};
pub use ng_client::{NgClient, NgError};
pub use service::{ProxyService, open_database, remote_media, run};
pub use settings::Listening;
pub use status::CallEntry;
