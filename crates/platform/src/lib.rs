//! Configuration, telemetry, health and drain: what every service shares.

pub mod config;
mod suggest;

pub use config::{Config, Program};
