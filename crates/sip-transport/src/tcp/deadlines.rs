//! When a connection has waited long enough: idle, half a message, a stalled writer, a closed half.

use std::time::Duration;

use tokio::time::Instant;

use crate::TcpConfig;

/// Why a connection's time is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expired {
    /// Nothing came or went for the idle time, or no message was completed in time.
    Idle,
    /// The peer does not read.
    Stalled,
    /// The peer has closed its half, and no answer is expected to leave any more.
    HalfClosed,
}

/// The moments from which a connection's time limits count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadlines {
    last_traffic: Instant,
    last_message: Option<Instant>,
    /// When the message that is not complete began; from the start for the first one.
    partial_since: Option<Instant>,
    stalled_since: Option<Instant>,
    half_closed_at: Option<Instant>,
}

impl Deadlines {
    /// Limits for a connection that begins at `now`. The peer of an accepted one has to speak first.
    pub(super) fn new(now: Instant, peer_speaks_first: bool) -> Self {
        Self {
            last_traffic: now,
            last_message: None,
            partial_since: peer_speaks_first.then_some(now),
            stalled_since: None,
            half_closed_at: None,
        }
    }

    /// Bytes have come; `completed` says whether they ended a message or a ping, `partial` whether
    /// an incomplete one is left over.
    pub(super) fn read(&mut self, now: Instant, completed: bool, partial: bool) {
        self.last_traffic = now;
        if completed {
            self.last_message = Some(now);
            self.partial_since = None;
        }
        if partial && self.partial_since.is_none() {
            self.partial_since = Some(now);
        }
    }

    /// Bytes have been written; `pending` says whether more wait.
    pub(super) fn wrote(&mut self, now: Instant, pending: bool) {
        self.last_traffic = now;
        self.stalled_since = pending.then_some(now);
    }

    /// Nothing could be written although something waits.
    pub(super) fn blocked(&mut self, now: Instant) {
        self.stalled_since.get_or_insert(now);
    }

    /// The peer has closed its half.
    pub(super) fn half_closed(&mut self, now: Instant) {
        self.half_closed_at = Some(now);
        self.partial_since = None;
    }

    /// The earliest limit and what it means.
    pub(super) fn next(&self, config: &TcpConfig, backlog: bool) -> (Instant, Expired) {
        let idle = (after(self.last_traffic, config.idle_timeout), Expired::Idle);
        let partial =
            self.partial_since.map(|since| (after(since, config.message_timeout), Expired::Idle));
        let stalled =
            self.stalled_since.map(|since| (after(since, config.write_timeout), Expired::Stalled));
        let half_closed = self.half_closed_at.filter(|_| !backlog).map(|closed_at| {
            let expected = self.last_message.map(|last| after(last, config.half_close_linger));
            (expected.unwrap_or(closed_at), Expired::HalfClosed)
        });
        [partial, stalled, half_closed]
            .into_iter()
            .flatten()
            .fold(idle, |first, other| if other.0 < first.0 { other } else { first })
    }
}

/// A limit that is set beyond the clock's range never comes; a century is as good.
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

fn after(since: Instant, limit: Duration) -> Instant {
    since + limit.min(NEVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> TcpConfig {
        TcpConfig {
            idle_timeout: Duration::from_secs(100),
            message_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(20),
            half_close_linger: Duration::from_secs(1),
            ..TcpConfig::default()
        }
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[tokio::test]
    async fn the_earliest_limit_counts() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(start, true);
        assert_eq!(deadlines.next(&config(), false), (start + seconds(30), Expired::Idle));
        deadlines.read(start + seconds(5), true, false);
        assert_eq!(deadlines.next(&config(), false), (start + seconds(105), Expired::Idle));
        deadlines.blocked(start + seconds(6));
        deadlines.blocked(start + seconds(9));
        assert_eq!(deadlines.next(&config(), true), (start + seconds(26), Expired::Stalled));
        deadlines.wrote(start + seconds(10), false);
        assert_eq!(deadlines.next(&config(), false), (start + seconds(110), Expired::Idle));
    }

    #[tokio::test]
    async fn trickling_bytes_do_not_prolong_a_message() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(start, false);
        deadlines.read(start + seconds(1), false, true);
        deadlines.read(start + seconds(20), false, true);
        assert_eq!(deadlines.next(&config(), false), (start + seconds(31), Expired::Idle));
    }

    #[tokio::test]
    async fn a_half_closed_connection_waits_for_an_answer_only_after_a_message() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(start, true);
        deadlines.half_closed(start + seconds(2));
        assert_eq!(deadlines.next(&config(), false), (start + seconds(2), Expired::HalfClosed));
        let mut deadlines = Deadlines::new(start, true);
        deadlines.read(start + seconds(2), true, false);
        deadlines.half_closed(start + seconds(2));
        assert_eq!(deadlines.next(&config(), false), (start + seconds(3), Expired::HalfClosed));
        assert_eq!(deadlines.next(&config(), true).1, Expired::Idle);
    }
}
