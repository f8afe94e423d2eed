//! Logs and figures.

mod json;
mod log;
mod metrics;

pub use log::install_log;
pub use metrics::Metrics;
