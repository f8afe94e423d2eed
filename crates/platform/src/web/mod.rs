//! HTTP: health, figures, and errors as RFC 9457 has them.

mod client;
mod problem;
mod routes;

pub use client::GetError;
pub(crate) use client::get;
pub use problem::ProblemDetails;
pub(crate) use routes::{health_routes, metrics_routes, with_fallbacks};
