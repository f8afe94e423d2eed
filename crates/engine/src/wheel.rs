//! A hierarchical timing wheel: deadlines set, cancelled and fired in constant time.
//!
//! Four levels of 64 slots over a tick of 4 ms cover 18 hours; later deadlines wait in the last slot
//! of the top level and are placed anew when it comes round. Entries live in one slab and are linked
//! through it, so a million timers cost no allocation of their own.

use std::time::Duration;

use crate::Instant;

/// The resolution of [`TimerWheel`]: a deadline fires at the first tick that is not before it.
pub const TICK: Duration = Duration::from_millis(4);

const TICK_NANOS: u64 = 4_000_000;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
const LEVELS: usize = 4;
const NIL: u32 = u32::MAX;

/// Names one pending timer. A fired or cancelled timer's id is never mistaken for a later one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerId {
    index: u32,
    generation: u32,
}

/// Pending deadlines, each with a key that says whose it is and why.
#[derive(Clone, Debug)]
pub struct TimerWheel<K> {
    entries: Vec<Entry<K>>,
    free: u32,
    len: usize,
    /// Every tick up to and including this one has been fired.
    current: u64,
    levels: [Level; LEVELS],
    /// Entries whose tick has come, linked like a slot.
    due: u32,
}

#[derive(Clone, Debug)]
struct Entry<K> {
    key: Option<K>,
    tick: u64,
    generation: u32,
    next: u32,
    previous: u32,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Slot { level: u8, slot: u8 },
    Due,
    Free,
}

#[derive(Clone, Debug)]
struct Level {
    /// Bit `i` is set while slot `i` is not empty.
    occupied: u64,
    heads: [u32; SLOTS],
}

impl<K> Default for TimerWheel<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> TimerWheel<K> {
    /// An empty wheel whose clock stands at [`Instant::ZERO`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            entries: Vec::new(),
            free: NIL,
            len: 0,
            current: 0,
            levels: std::array::from_fn(|_| Level { occupied: 0, heads: [NIL; SLOTS] }),
            due: NIL,
        }
    }

    /// The number of pending timers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is pending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a deadline. One that has already passed fires at the next [`Self::pop_due`].
    pub fn insert(&mut self, at: Instant, key: K) -> TimerId {
        let index = self.allocate(key, at.as_nanos().div_ceil(TICK_NANOS));
        self.place(index);
        TimerId { index, generation: self.entries[index as usize].generation }
    }

    /// Removes a pending timer and returns its key; `None` if it has fired or was cancelled.
    pub fn cancel(&mut self, id: TimerId) -> Option<K> {
        let entry = self.entries.get(id.index as usize)?;
        if entry.generation != id.generation || entry.place == Place::Free {
            return None;
        }
        self.unlink(id.index);
        self.release(id.index)
    }

    /// Removes one timer that is due at `now` and returns its key. Call until `None`.
    ///
    /// Timers due at different ticks come in the order of their ticks; within one tick the order is
    /// unspecified but deterministic.
    pub fn pop_due(&mut self, now: Instant) -> Option<K> {
        let target = now.as_nanos() / TICK_NANOS;
        while self.due == NIL && self.current < target {
            match self.next_event_tick() {
                Some(tick) if tick <= target => self.advance(tick),
                Some(_) | None => self.current = target,
            }
        }
        let index = self.due;
        if index == NIL {
            return None;
        }
        self.unlink(index);
        self.release(index)
    }

    /// When to call [`Self::pop_due`] next: never later than the earliest deadline's tick. It may be
    /// earlier (a coarse slot coming round), in which case that call returns nothing.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.due != NIL {
            return Some(Instant::from_nanos(self.current.saturating_mul(TICK_NANOS)));
        }
        self.next_event_tick().map(|tick| Instant::from_nanos(tick.saturating_mul(TICK_NANOS)))
    }

    /// The earliest tick after `current` at which a slot of some level comes round.
    fn next_event_tick(&self) -> Option<u64> {
        let mut earliest: Option<u64> = None;
        for (level, slots) in self.levels.iter().enumerate() {
            if slots.occupied == 0 {
                continue;
            }
            let shift = SLOT_BITS * level as u32;
            let turn = self.current >> shift;
            // Slots hold entries of the turns after the current one, so the search starts behind it.
            let start = (turn + 1) as u32 % SLOTS as u32;
            let ahead = u64::from(slots.occupied.rotate_right(start).trailing_zeros()) + 1;
            let tick = (turn + ahead) << shift;
            earliest = Some(earliest.map_or(tick, |known| known.min(tick)));
        }
        earliest
    }

    /// Moves the clock to `tick`, an event tick: its slots are emptied from the coarsest level down.
    fn advance(&mut self, tick: u64) {
        self.current = tick;
        for level in (0..LEVELS).rev() {
            let shift = SLOT_BITS * level as u32;
            if tick.trailing_zeros() < shift && tick != 0 {
                continue;
            }
            let slot = (tick >> shift) as usize % SLOTS;
            let mut index = std::mem::replace(&mut self.levels[level].heads[slot], NIL);
            self.levels[level].occupied &= !(1 << slot);
            while index != NIL {
                let next = self.entries[index as usize].next;
                self.place(index);
                index = next;
            }
        }
    }

    /// Links an unlinked entry where its tick belongs, seen from `current`.
    fn place(&mut self, index: u32) {
        let tick = self.entries[index as usize].tick;
        if tick <= self.current {
            self.link(index, Place::Due);
            return;
        }
        let mut level = 0;
        while level + 1 < LEVELS {
            let shift = SLOT_BITS * level as u32;
            if (tick >> shift) - (self.current >> shift) < SLOTS as u64 {
                break;
            }
            level += 1;
        }
        let shift = SLOT_BITS * level as u32;
        let last_turn = (self.current >> shift) + SLOTS as u64 - 1;
        let slot = (tick >> shift).min(last_turn) as usize % SLOTS;
        self.link(index, Place::Slot { level: level as u8, slot: slot as u8 });
    }

    fn link(&mut self, index: u32, place: Place) {
        let head = match place {
            Place::Slot { level, slot } => {
                let level = &mut self.levels[level as usize];
                level.occupied |= 1 << slot;
                &mut level.heads[slot as usize]
            }
            Place::Due => &mut self.due,
            Place::Free => &mut self.free,
        };
        let next = std::mem::replace(head, index);
        let entry = &mut self.entries[index as usize];
        entry.next = next;
        entry.previous = NIL;
        entry.place = place;
        if next != NIL {
            self.entries[next as usize].previous = index;
        }
    }

    fn unlink(&mut self, index: u32) {
        let Entry { next, previous, place, .. } = self.entries[index as usize];
        if next != NIL {
            self.entries[next as usize].previous = previous;
        }
        if previous != NIL {
            self.entries[previous as usize].next = next;
            return;
        }
        match place {
            Place::Slot { level, slot } => {
                let level = &mut self.levels[level as usize];
                level.heads[slot as usize] = next;
                if next == NIL {
                    level.occupied &= !(1 << slot);
                }
            }
            Place::Due => self.due = next,
            Place::Free => self.free = next,
        }
    }

    fn allocate(&mut self, key: K, tick: u64) -> u32 {
        self.len += 1;
        if self.free == NIL {
            let index = self.entries.len() as u32;
            self.entries.push(Entry {
                key: Some(key),
                tick,
                generation: 0,
                next: NIL,
                previous: NIL,
                place: Place::Free,
            });
            return index;
        }
        let index = self.free;
        self.unlink(index);
        let entry = &mut self.entries[index as usize];
        entry.key = Some(key);
        entry.tick = tick;
        index
    }

    fn release(&mut self, index: u32) -> Option<K> {
        self.len -= 1;
        let entry = &mut self.entries[index as usize];
        entry.generation = entry.generation.wrapping_add(1);
        let key = entry.key.take();
        self.link(index, Place::Free);
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    fn drain(wheel: &mut TimerWheel<u64>, now: Instant) -> Vec<u64> {
        std::iter::from_fn(|| wheel.pop_due(now)).collect()
    }

    #[test]
    fn a_deadline_never_fires_early_and_at_most_one_tick_late() {
        let mut wheel = TimerWheel::new();
        wheel.insert(at(500), 500);
        assert_eq!(drain(&mut wheel, at(499)), []);
        assert_eq!(drain(&mut wheel, at(500)), [500]);
        wheel.insert(at(1001), 1001);
        assert_eq!(drain(&mut wheel, at(1001)), []);
        assert_eq!(drain(&mut wheel, at(1004)), [1001]);
    }

    #[test]
    fn a_past_deadline_fires_at_once() {
        let mut wheel = TimerWheel::new();
        assert_eq!(drain(&mut wheel, at(10_000)), []);
        wheel.insert(at(3), 3);
        assert_eq!(wheel.next_deadline(), Some(at(10_000)));
        assert_eq!(drain(&mut wheel, at(10_000)), [3]);
    }

    #[test]
    fn a_cancelled_timer_does_not_fire_and_its_id_is_spent() {
        let mut wheel = TimerWheel::new();
        let first = wheel.insert(at(100), 1);
        assert_eq!(wheel.cancel(first), Some(1));
        assert_eq!(wheel.cancel(first), None);
        let second = wheel.insert(at(100), 2);
        assert_eq!(wheel.cancel(first), None, "the slot was reused, the id was not");
        assert_eq!(drain(&mut wheel, at(100)), [2]);
        assert_eq!(wheel.cancel(second), None);
        assert!(wheel.is_empty());
        assert_eq!(wheel.next_deadline(), None);
    }

    #[test]
    fn deadlines_beyond_the_span_of_the_wheel_still_fire_on_time() {
        let week = 7 * 24 * 3600 * 1000;
        let mut wheel = TimerWheel::new();
        wheel.insert(at(week), 7);
        assert_eq!(drain(&mut wheel, at(week - 1)), []);
        assert_eq!(drain(&mut wheel, at(week)), [7]);
    }

    /// The wheel against a sorted list, under a random mix of inserts, cancels and time steps.
    #[test]
    fn agrees_with_a_sorted_list() {
        for seed in 1..=200u64 {
            let mut random = seed;
            let mut next = move |bound: u64| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random % bound
            };
            let mut wheel = TimerWheel::new();
            let mut model: Vec<(u64, u64, TimerId)> = Vec::new();
            let mut now = 0;
            for key in 0..400 {
                let span = [3, 100, 5_000, 300_000, 100_000_000][next(5) as usize];
                let deadline = (now + next(span)).div_ceil(4) * 4;
                model.push((deadline, key, wheel.insert(at(deadline), key)));
                if next(3) == 0 {
                    let (_, cancelled, id) = model.swap_remove(next(model.len() as u64) as usize);
                    assert_eq!(wheel.cancel(id), Some(cancelled), "seed {seed}");
                }
                if next(2) == 0 {
                    now += next(span * 2);
                    let mut fired = drain(&mut wheel, at(now));
                    fired.sort_unstable();
                    let mut expected: Vec<u64> = model
                        .extract_if(.., |(due, ..)| *due <= now / 4 * 4)
                        .map(|e| e.1)
                        .collect();
                    expected.sort_unstable();
                    assert_eq!(fired, expected, "seed {seed} at {now} ms");
                }
                assert_eq!(wheel.len(), model.len());
                let earliest = model.iter().map(|(due, ..)| *due).min();
                match (wheel.next_deadline(), earliest) {
                    (Some(wake), Some(due)) => assert!(wake <= at(due.max(now)), "seed {seed}"),
                    (wake, due) => assert_eq!(wake.is_some(), due.is_some(), "seed {seed}"),
                }
            }
        }
    }
}
