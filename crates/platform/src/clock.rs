//! The two clocks of the machine, read in this one place.

use std::time::{Duration, SystemTime};

use offhook_engine::{Instant, Now, UnixTime};

/// Reads the time for engines. Copies share one origin, so their instants compare.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    origin: std::time::Instant,
}

impl SystemClock {
    /// A clock whose [`Instant::ZERO`] is the present moment.
    #[must_use]
    pub fn start() -> Self {
        Self { origin: monotonic() }
    }

    /// The present, on both clocks.
    #[must_use]
    pub fn now(&self) -> Now {
        Now { mono: self.instant(), wall: wall() }
    }

    /// The present on the monotonic clock alone, which is the cheaper half of [`Self::now`].
    #[must_use]
    pub fn instant(&self) -> Instant {
        Instant::ZERO + monotonic().saturating_duration_since(self.origin)
    }

    /// How long it is until `deadline`; zero if it has passed.
    #[must_use]
    pub fn until(&self, deadline: Instant) -> Duration {
        deadline - self.instant()
    }

    /// `deadline` on the runtime's clock, for `tokio::time::sleep_until`.
    #[must_use]
    pub fn deadline(&self, deadline: Instant) -> tokio::time::Instant {
        let origin = tokio::time::Instant::from_std(self.origin);
        // A deadline centuries away is as good as one that never comes.
        origin.checked_add(deadline - Instant::ZERO).unwrap_or(origin + FAR_AWAY)
    }
}

const FAR_AWAY: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

#[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
fn monotonic() -> std::time::Instant {
    std::time::Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
fn wall() -> UnixTime {
    // A machine whose clock stands before 1970 gets the epoch itself.
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_begin_at_zero_and_never_run_backwards() {
        let clock = SystemClock::start();
        let first = clock.instant();
        let second = clock.now().mono;
        assert!(first <= second);
        assert!(second - Instant::ZERO < Duration::from_secs(60));
        assert_eq!(clock.until(Instant::ZERO), Duration::ZERO);
        assert!(clock.until(second + Duration::from_secs(3600)) > Duration::from_secs(3000));
    }

    #[test]
    fn a_deadline_of_never_is_far_away() {
        let clock = SystemClock::start();
        let hour = Instant::ZERO + Duration::from_secs(3600);
        assert!(clock.deadline(hour) < clock.deadline(Instant::from_nanos(u64::MAX)));
    }
}
