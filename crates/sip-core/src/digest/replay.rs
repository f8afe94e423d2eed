//! Which counts of which nonces have been used.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use foldhash::fast::FixedState;
use offhook_engine::UnixTime;

use super::nonces::Stamp;

/// How far behind the highest count a late request may be: the messages of one client may overtake
/// each other on the way.
const WINDOW: u32 = u64::BITS;

/// How a nonce is being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// With this nonce count (RFC 7616 section 3.4).
    Count(u32),
    /// Without a count, so only once.
    Once,
}

/// The used counts of the nonces in use, in memory that is bounded by a number of nonces.
///
/// When it is full the oldest nonce is forgotten, and every nonce made no later than that one which is
/// not in the table counts as used up from then on: forgetting must never make a replay possible.
#[derive(Clone, Debug)]
pub(super) struct ReplayTable {
    windows: HashMap<Stamp, Window, FixedState>,
    /// In the order of their first use, with the time after which the nonce is stale anyway.
    order: VecDeque<(Stamp, UnixTime)>,
    max_tracked: usize,
    /// Nonces made at or before this time are good only if they are in the table.
    forgotten_until: Option<UnixTime>,
}

/// The counts up to `highest` that have been used: bit `i` stands for `highest - i`.
#[derive(Clone, Copy, Debug)]
struct Window {
    highest: u32,
    used: u64,
    closed: bool,
}

impl ReplayTable {
    pub(super) fn new(max_tracked: usize) -> Self {
        Self {
            windows: HashMap::default(),
            order: VecDeque::new(),
            max_tracked: max_tracked.max(1),
            forgotten_until: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.windows.len()
    }

    /// Notes a use; `false` if it is not the first of its kind, or that cannot be told.
    pub(super) fn consume(
        &mut self,
        stamp: Stamp,
        usage: Use,
        wall: UnixTime,
        keep: Duration,
    ) -> bool {
        if let Some(window) = self.windows.get_mut(&stamp) {
            return window.consume(usage);
        }
        if self.forgotten_until.is_some_and(|until| stamp.minted <= until) {
            return false;
        }
        let mut window = Window { highest: 0, used: 0, closed: false };
        if !window.consume(usage) {
            return false;
        }
        self.make_room(wall);
        self.windows.insert(stamp, window);
        self.order.push_back((stamp, wall + keep));
        true
    }

    /// Drops the entries whose nonces are stale, and the oldest one if there still is no room. Each
    /// entry is dropped once, so this costs little on average however large the table is.
    fn make_room(&mut self, wall: UnixTime) {
        while let Some(&(stamp, stale_from)) = self.order.front() {
            let is_stale = stale_from < wall;
            if !is_stale && self.windows.len() < self.max_tracked {
                return;
            }
            self.order.pop_front();
            self.windows.remove(&stamp);
            if !is_stale {
                self.forgotten_until = self.forgotten_until.max(Some(stamp.minted));
            }
        }
    }
}

impl Window {
    fn consume(&mut self, usage: Use) -> bool {
        match usage {
            Use::Once => {
                let unused = self.used == 0 && !self.closed;
                self.closed = true;
                unused
            }
            // Counts begin at one.
            Use::Count(0) => false,
            Use::Count(_) if self.closed => false,
            Use::Count(count) if count > self.highest => {
                self.used = self.used.checked_shl(count - self.highest).unwrap_or(0) | 1;
                self.highest = count;
                true
            }
            Use::Count(count) => {
                let behind = self.highest - count;
                if behind >= WINDOW {
                    return false;
                }
                let bit = 1 << behind;
                let unused = self.used & bit == 0;
                self.used |= bit;
                unused
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Duration = Duration::from_secs(300);

    fn stamp(minted: u64, serial: u64) -> Stamp {
        Stamp { minted: UnixTime::from_millis(minted), serial }
    }

    fn at(millis: u64) -> UnixTime {
        UnixTime::from_millis(millis)
    }

    #[test]
    fn each_count_is_good_once_in_any_order_within_the_window() {
        let mut table = ReplayTable::new(10);
        let mut consume = |count| table.consume(stamp(1, 1), Use::Count(count), at(1), KEEP);
        for (count, good) in [
            (0, false),
            (1, true),
            (1, false),
            (4, true),
            (3, true),
            (2, true),
            (3, false),
            (70, true),
            (6, false),
            (7, true),
            (7, false),
            (u32::MAX, true),
            (70, false),
            (u32::MAX, false),
            (u32::MAX - 1, true),
        ] {
            assert_eq!(consume(count), good, "count {count}");
        }
    }

    #[test]
    fn a_use_without_a_count_is_the_only_one() {
        let mut table = ReplayTable::new(10);
        let mut consume = |serial, usage| table.consume(stamp(1, serial), usage, at(1), KEEP);
        assert!(consume(1, Use::Once));
        assert!(!consume(1, Use::Once));
        assert!(!consume(1, Use::Count(1)));
        assert!(consume(2, Use::Count(1)));
        assert!(!consume(2, Use::Once));
    }

    #[test]
    fn a_full_table_forgets_the_oldest_and_never_takes_it_for_new() {
        let mut table = ReplayTable::new(3);
        for serial in 1..=4 {
            assert!(table.consume(stamp(serial, serial), Use::Count(1), at(serial), KEEP));
        }
        assert_eq!(table.len(), 3);
        assert!(!table.consume(stamp(1, 1), Use::Count(1), at(5), KEEP), "the forgotten one");
        assert!(!table.consume(stamp(1, 9), Use::Count(1), at(5), KEEP), "its unused twin");
        assert!(table.consume(stamp(2, 2), Use::Count(2), at(5), KEEP), "a remembered one");
        assert!(table.consume(stamp(5, 5), Use::Count(1), at(5), KEEP), "a younger one");
    }

    #[test]
    fn stale_entries_make_room_without_harm() {
        let mut table = ReplayTable::new(3);
        for serial in 1..=3 {
            assert!(table.consume(stamp(serial, serial), Use::Count(1), at(serial), KEEP));
        }
        let later = at(400_000);
        assert!(table.consume(stamp(399_000, 4), Use::Count(1), later, KEEP));
        assert_eq!(table.len(), 1);
        assert_eq!(table.forgotten_until, None);
    }
}
