//! The proxy as a table: what comes in, and what it does about it.

mod acknowledging;
mod admission;
mod authentication;
mod cancelling;
mod dialogs;
mod forking;
mod forwarding;
mod lookups;
mod responses;
mod support;
mod waiting;
