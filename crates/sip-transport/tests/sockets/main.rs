//! The transports over real sockets of the loopback interface.

#![expect(clippy::unwrap_used, reason = "a step that fails ends the test")]

mod support;
mod tcp;
mod udp;
