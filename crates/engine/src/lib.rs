//! The contract of every engine: time is an input, a timer is a stored deadline.
//!
//! An engine does no I/O, reads no clock and draws no random number. A service hands it facts with
//! [`Engine::handle`], tells it that time has passed with [`Engine::handle_timeout`], and drains what
//! it wants done with [`Engine::poll_action`]. The order is always *mutate, then drain*: after each
//! `handle*` call the caller polls until `None` before it mutates again.
//!
//! A look-up is an action with a token; its answer comes back as an input with the same token, at
//! once, late, twice or never, and the engine copes with each.

mod time;
mod wheel;

pub use time::{Instant, Now, UnixTime};
pub use wheel::{TICK, TimerId, TimerWheel};

/// A deterministic state machine driven by a service, a simulator or a fuzzer.
pub trait Engine {
    /// What the engine is told.
    type Input;
    /// What the engine wants done.
    type Action;

    /// Takes one fact. Drain [`Engine::poll_action`] afterwards.
    fn handle(&mut self, input: Self::Input, now: Now);

    /// Fires every deadline that is due at `now`. Drain [`Engine::poll_action`] afterwards.
    fn handle_timeout(&mut self, now: Now);

    /// The next thing to do, in the order in which the engine decided it.
    fn poll_action(&mut self) -> Option<Self::Action>;

    /// When [`Engine::handle_timeout`] has to be called next; `None` while nothing is pending.
    fn next_deadline(&self) -> Option<Instant>;
}
