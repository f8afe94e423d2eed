//! The media relay as a state machine: sessions driven by the ng protocol, packets judged in place.
//!
//! A [`Relay`] holds sessions by SIP Call-ID and tags. Commands come in two steps, because ports
//! are the shell's: [`Relay::ports_needed`] says how many pairs of ports a command takes, the
//! shell binds them, and [`Relay::execute`] carries the command out with them. A command and an
//! answer in one step would need the engine to call into the shell; an action with a token and a
//! later input would need a half-done offer to be kept. Between the two steps another command may
//! change the call; then the ports come back unused or the command fails, and nothing is lost.
//!
//! Packets take [`Relay::handle_packet`], which says from which socket and to which address they
//! leave. Mutate, then drain: after each `execute` and `handle_timeout` the shell polls
//! [`Relay::poll_action`] until it is empty.
//!
//! # Who may send
//! The address in a party's SDP is where its packets are expected. For three seconds after an
//! offer or answer, packets may correct it: one from the very address settles it at once; else the
//! best fit is taken (same address, same port, any), and settled at the end of the window. From
//! then on packets from any other address are dropped and counted. An offer or answer with another
//! address, from another party, or after as long a silence opens the window again. What rtpengine
//! calls `strict source` is thus always in force; `media handover` turns it off for a call.
//! RTCP on a port of its own is learnt in the same way, and expected beside the RTP that was
//! learnt.

mod config;
mod error;
mod exchange;
mod leg;
mod mux;
mod packet;
mod relay;
mod report;
mod rewrite;
mod session;
mod source;
mod stream;

pub use config::RelayConfig;
pub use error::RelayError;
pub use leg::PortPair;
pub use relay::{Action, EndReason, Relay};
pub use report::{CallSummary, RelayStats};
pub use stream::{Forward, SocketKey};
