//! A clock that moves when it is told to.

use std::time::Duration;

use offhook_engine::{Instant, Now, UnixTime};

/// Where the wall clock of a simulation starts: 2027-01-15T08:00:00Z.
const START_MILLIS: u64 = 1_800_000_000_000;

/// A virtual clock. Both of its hands move together, and never backwards.
#[derive(Clone, Copy, Debug)]
pub struct SimClock {
    now: Now,
}

impl Default for SimClock {
    fn default() -> Self {
        Self::new()
    }
}

impl SimClock {
    /// A clock at the start of the monotonic scale.
    #[must_use]
    pub fn new() -> Self {
        Self { now: Now { mono: Instant::ZERO, wall: UnixTime::from_millis(START_MILLIS) } }
    }

    /// Both clocks.
    #[must_use]
    pub fn now(&self) -> Now {
        self.now
    }

    /// The monotonic clock.
    #[must_use]
    pub fn mono(&self) -> Instant {
        self.now.mono
    }

    /// Moves on by `time`.
    pub fn advance(&mut self, time: Duration) {
        let start = UnixTime::from_millis(START_MILLIS);
        let mono = self.now.mono + time;
        self.now = Now { mono, wall: start + (mono - Instant::ZERO) };
    }

    /// Moves on to `at`; stays where it is if that has passed.
    pub fn advance_to(&mut self, at: Instant) {
        self.advance(at - self.now.mono);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_hands_move_together_and_never_back() {
        let mut clock = SimClock::new();
        for _ in 0..1_000 {
            clock.advance(Duration::from_micros(1_500));
        }
        clock.advance_to(Instant::ZERO);
        assert_eq!(clock.mono(), Instant::from_nanos(1_500_000_000));
        assert_eq!(clock.now().wall.as_millis(), START_MILLIS + 1_500);
    }
}
