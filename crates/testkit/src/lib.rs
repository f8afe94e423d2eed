//! Test doubles, each once: a virtual clock, a simulated network, message builders.
//!
//! Everything here is deterministic: a seed gives the same run each time. A test that fails prints its
//! seed (see [`for_each_seed`]).

mod clock;
pub mod messages;
mod network;
mod seeds;

pub use clock::SimClock;
pub use network::{Conditions, Delivery, Fate, SimNetwork};
pub use seeds::for_each_seed;
