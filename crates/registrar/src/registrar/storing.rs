//! What changes, in turn with the other REGISTERs of the same address of record, and durably.

use std::collections::VecDeque;
use std::sync::Arc;

use offhook_engine::Now;

use super::{Arrival, Busy, Registrar, Work};
use crate::interface::{Action, Change, Report, StoreOutcome, Token};
use crate::registration::plan;

impl Registrar {
    /// Steps 6 to 8, in turn with the other REGISTERs of the same address of record.
    pub(super) fn serve(&mut self, arrival: Arrival, now: Now) {
        if let Some(busy) = self.busy.get_mut(&arrival.aor) {
            if busy.in_doubt {
                self.turn_away(&arrival, "Location store too slow", now);
            } else if busy.waiting.len() >= self.config.max_waiting_per_aor {
                self.turn_away(&arrival, "Too many registrations of this address", now);
            } else {
                busy.waiting.push_back(arrival);
            }
            return;
        }
        let current: Vec<_> = self.table.live(&arrival.aor, now.mono).collect();
        match plan(&arrival.request, &arrival.flow, &current, &self.config, now) {
            Err(refusal) => self.refuse_arrival(&arrival, &refusal, now),
            Ok(changes) if changes.is_empty() => {
                self.counters.queried += 1;
                self.accept(&arrival, now);
            }
            Ok(_)
                if self.table.len() >= self.config.max_aors
                    && !self.table.contains(&arrival.aor) =>
            {
                self.turn_away(&arrival, "Too many registered users", now);
            }
            Ok(changes) => self.store(arrival, changes.into(), now),
        }
    }

    fn store(&mut self, arrival: Arrival, changes: Arc<[Change]>, now: Now) {
        let aor = Arc::clone(&arrival.aor);
        let work = Work::Store {
            aor: Arc::clone(&aor),
            changes: Arc::clone(&changes),
            arrival: Some(Box::new(arrival)),
        };
        let token = self.operations.begin(work, now.mono + self.config.operation_timeout);
        self.busy.insert(Arc::clone(&aor), Busy::default());
        self.actions.push_back(Action::Store { token, aor, changes });
    }

    pub(super) fn stored(&mut self, token: Token, outcome: StoreOutcome, now: Now) {
        if !matches!(self.operations.get(token), Some(Work::Store { .. })) {
            return;
        }
        let Some(Work::Store { aor, changes, arrival }) = self.operations.end(token) else {
            return;
        };
        match outcome {
            StoreOutcome::Durable => {
                self.table.apply(&aor, &changes);
                if let Some(arrival) = arrival {
                    self.counters.registered += 1;
                    let call_id = arrival.call_id();
                    let bindings = self.table.live(&aor, now.mono).count();
                    let report = Report::Registered { call_id, aor: Arc::clone(&aor), bindings };
                    self.actions.push_back(Action::Report(report));
                    self.accept(&arrival, now);
                }
            }
            StoreOutcome::Unavailable => {
                if let Some(arrival) = arrival {
                    self.turn_away(&arrival, "Location store unavailable", now);
                }
            }
        }
        self.release(&aor, now);
    }

    /// Lets the REGISTERs that waited for `aor` go on, until one of them stores something.
    fn release(&mut self, aor: &str, now: Now) {
        let mut waiting = self.busy.remove(aor).unwrap_or_default().waiting;
        while let Some(next) = waiting.pop_front() {
            if now.mono.since(next.at) > self.config.operation_timeout {
                self.turn_away(&next, "Location store too slow", now);
                continue;
            }
            self.serve(next, now);
            if let Some(busy) = self.busy.get_mut(aor) {
                busy.waiting = waiting;
                return;
            }
        }
    }

    /// An answer from outside did not come in time.
    pub(super) fn overdue(&mut self, token: Token, work: Work, now: Now) {
        match work {
            Work::Credentials { arrival, claimed: _ } => {
                self.turn_away(&arrival, "Directory too slow", now);
            }
            Work::Store { aor, changes, arrival: Some(arrival) } => {
                // The changes may yet become durable, so the address stays closed until that is known.
                self.turn_away(&arrival, "Location store too slow", now);
                let in_doubt = Busy { waiting: VecDeque::new(), in_doubt: true };
                let waited = self.busy.insert(Arc::clone(&aor), in_doubt).unwrap_or_default();
                for next in &waited.waiting {
                    self.turn_away(next, "Location store too slow", now);
                }
                let work = Work::Store { aor, changes, arrival: None };
                let deadline = now.mono + self.config.store_abandon_timeout;
                self.operations.resume(token, work, deadline);
            }
            Work::Store { aor, changes: _, arrival: None } => self.release(&aor, now),
        }
    }
}
