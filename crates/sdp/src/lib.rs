//! SDP (RFC 8866) by offsets: what a body says, and patches over its bytes.
//!
//! [`Description::parse`] finds the lines of a body once and keeps where they are. What a relay or
//! a proxy needs (addresses, ports, profiles, directions, the RTCP attributes) is read out; every
//! other line, known or not, stays untouched. [`Patch`] collects replacements by offset and writes
//! the body anew: bytes that no replacement covers leave as they came.
//!
//! A body that follows the usual order but lacks a line that RFC 8866 demands (`o=`, `s=`, `t=`)
//! is accepted, because phones exist that send such bodies. Multipart bodies are not taken apart.

mod description;
mod error;
mod line;
mod media;
mod patch;

pub use description::{Attribute, Connection, Description, Direction, Host, Limits};
pub use error::SdpError;
pub use media::{Media, Protocol, RtcpAttribute};
pub use patch::Patch;
