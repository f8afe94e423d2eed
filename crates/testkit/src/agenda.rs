//! Things that are planned, by time.

use std::collections::BTreeMap;

use offhook_engine::Instant;

/// What somebody is going to do, and when. Of two things planned for one moment the one that was
/// planned first comes first.
#[derive(Clone, Debug)]
pub struct Agenda<T> {
    tasks: BTreeMap<(Instant, u64), T>,
    planned: u64,
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Agenda<T> {
    /// Nothing planned.
    #[must_use]
    pub fn new() -> Self {
        Self { tasks: BTreeMap::new(), planned: 0 }
    }

    /// Adds a task.
    pub fn plan(&mut self, at: Instant, task: T) {
        self.planned += 1;
        self.tasks.insert((at, self.planned), task);
    }

    /// When the next task is due.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.tasks.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the next task that is due at `now`.
    pub fn pop(&mut self, now: Instant) -> Option<T> {
        if self.next()? > now {
            return None;
        }
        self.tasks.pop_first().map(|(_, task)| task)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn tasks_come_in_the_order_of_their_times() {
        let at = |seconds| Instant::ZERO + Duration::from_secs(seconds);
        let mut agenda = Agenda::new();
        for (seconds, task) in [(2, 'c'), (1, 'a'), (1, 'b')] {
            agenda.plan(at(seconds), task);
        }
        assert_eq!(agenda.next(), Some(at(1)));
        assert_eq!(agenda.pop(at(0)), None);
        let all: String = std::iter::from_fn(|| agenda.pop(at(2))).collect();
        assert_eq!(all, "abc");
    }
}
