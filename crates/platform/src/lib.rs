//! Configuration, telemetry, health and drain: what every service shares.
//!
//! A service's binary is one call of [`service_main`]. It gets a [`Platform`], opens its listeners with
//! [`Platform::serve`], starts its own work, waits with [`Platform::run_until_stopped`], and stops its
//! work. The process reads its clocks in [`SystemClock`] and draws randomness in [`entropy`], and
//! nowhere else.

pub mod address;
pub mod args;
mod clock;
pub mod config;
pub mod control;
mod drain;
pub mod entropy;
mod error;
mod exit;
mod health;
mod lifecycle;
mod platform;
mod readiness;
mod service;
mod suggest;
mod telemetry;
pub mod terminal;
mod web;

pub use address::{Advertised, Found, advertised};
pub use clock::SystemClock;
pub use config::{
    Advertise, AuthMode, Config, ConfigErrors, DatabaseUrl, DigestAlgorithm, DomainName, Engage,
    ListenAddress, ListenTransport, LogFormat, MediaRelay, Millis, PortRange, Program, Realm,
    RelayAddress, Seconds, Sources,
};
pub use drain::Drain;
pub use error::{PlatformError, bind_advice};
pub use exit::Exit;
pub use health::{HealthArgs, health};
pub use lifecycle::Stop;
pub use platform::{Platform, Routes, Serving, create_data_dir};
pub use readiness::{Check, CheckReport, Readiness, ReadinessReport, ReadyFlag, Status};
pub use service::{block_on, service_main};
pub use telemetry::{Metrics, install_log};
pub use web::{GetError, ProblemDetails};
