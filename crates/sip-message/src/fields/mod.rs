//! Values of headers that few messages carry, one file each.

mod auth;
mod event;
mod reason;
mod retry_after;
mod timestamp;
mod warning;

pub use auth::{Auth, AuthParam, AuthParams, AuthValue};
pub use event::Event;
pub use reason::ReasonValue;
pub use retry_after::RetryAfter;
pub use timestamp::Timestamp;
pub use warning::WarningValue;
