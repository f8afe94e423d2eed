//! Test doubles, each once: a virtual clock, a simulated network, message builders, dialogs,
//! phones.
//!
//! Everything here is deterministic: a seed gives the same run each time. A test that fails prints its
//! seed (see [`for_each_seed`]).

mod agenda;
mod clock;
mod dialog;
pub mod messages;
mod network;
mod phone;
mod replies;
mod seeds;

pub use agenda::Agenda;
pub use clock::SimClock;
pub use dialog::Dialog;
pub use network::{Conditions, Delivery, Fate, SimNetwork};
pub use phone::{Attempt, Leg, LegState, Outcome, Phone, Reaction};
pub use replies::ReplySketch;
pub use seeds::for_each_seed;
