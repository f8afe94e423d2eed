//! Where log lines go and what they look like.

use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::JsonFields;

use super::json::JsonLines;
use crate::config::{Config, LogFormat};

/// Sends the log to standard error in the configured format and from the configured level on.
///
/// Only the first call in a process has an effect, so that tests can call it as often as they like.
pub fn install_log(config: &Config) {
    let filter = EnvFilter::builder().parse_lossy(config.log.level.as_str());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    let installed = match config.log.format {
        LogFormat::Text => {
            let colour = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            builder.with_ansi(colour).with_target(false).finish().try_init_once()
        }
        LogFormat::Json => builder
            .fmt_fields(JsonFields::new())
            .event_format(JsonLines::new(config.node.name()))
            .finish()
            .try_init_once(),
    };
    if !installed {
        tracing::debug!("the log was set up earlier in this process");
    }
}

trait TryInitOnce {
    /// Makes this the subscriber of the process; false if there is one already.
    fn try_init_once(self) -> bool;
}

impl<S: Into<tracing::Dispatch>> TryInitOnce for S {
    fn try_init_once(self) -> bool {
        tracing::dispatcher::set_global_default(self.into()).is_ok()
    }
}
