//! The proxy as a table: what comes in, and what it does about it.

#![expect(clippy::unwrap_used, reason = "a step that fails ends the test")]

mod acknowledging;
mod admission;
mod authentication;
mod cancelling;
mod dialogs;
mod forking;
mod forwarding;
mod hostile;
mod listing;
mod lookups;
mod media;
mod responses;
mod simulation;
mod support;
mod waiting;
