//! The registrar as a table of inputs and actions on a virtual clock.

#![expect(clippy::unwrap_used, reason = "a step that fails ends the test")]

mod authentication;
mod bindings;
mod desk;
mod network;
mod refusals;
mod stores;
