//! The proxy as a table: what comes in, and what it does about it.

mod forwarding;
mod support;
