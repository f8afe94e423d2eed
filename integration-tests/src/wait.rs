//! Waiting for a condition with a deadline: the only clock and the only pause of the tests.

use std::time::{Duration, Instant};

/// How long a step may take that takes milliseconds on an idle machine.
pub const SOON: Duration = Duration::from_secs(15);

/// Probes until the condition holds and returns what the probe found.
///
/// # Panics
/// When the condition does not hold within the deadline.
#[track_caller]
pub fn eventually<T>(what: &str, within: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Deadline::after(within);
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(!deadline.passed(), "{what}: not within {within:?}");
        pause(Duration::from_millis(20));
    }
}

/// Probes until the time is over: for what must not happen.
///
/// # Panics
/// When the condition stops holding.
#[track_caller]
pub fn throughout(what: &str, span: Duration, mut holds: impl FnMut() -> bool) {
    let deadline = Deadline::after(span);
    while !deadline.passed() {
        assert!(holds(), "{what}: did not hold for {span:?}");
        pause(Duration::from_millis(20));
    }
}

/// A moment after which waiting is over.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// The moment that lies `span` ahead.
    #[must_use]
    pub fn after(span: Duration) -> Self {
        Self(clock() + span)
    }

    /// Whether the moment has passed.
    #[must_use]
    pub fn passed(self) -> bool {
        clock() >= self.0
    }

    /// What is left until the moment; at least a millisecond, so that it can be a socket timeout.
    #[must_use]
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(clock()).max(Duration::from_millis(1))
    }
}

/// The monotonic clock.
#[expect(clippy::disallowed_methods, reason = "black-box tests run against the real clock")]
#[must_use]
pub fn clock() -> Instant {
    Instant::now()
}

/// Gives the processor away between two probes.
#[expect(clippy::disallowed_methods, reason = "the pause between two probes of a condition")]
pub fn pause(span: Duration) {
    std::thread::sleep(span);
}
