//! Look-ups and stores that wait for their answer, each with a deadline.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use offhook_engine::{Instant, TimerId, TimerWheel};

use crate::Token;

/// Work in flight, by token.
#[derive(Debug)]
pub(crate) struct Operations<T> {
    by_token: HashMap<Token, (T, TimerId), FixedState>,
    deadlines: TimerWheel<Token>,
    last_token: u64,
}

impl<T> Operations<T> {
    pub(crate) fn new() -> Self {
        Self { by_token: HashMap::default(), deadlines: TimerWheel::new(), last_token: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_token.len()
    }

    /// Enters work that is due at `deadline`, under a token of its own.
    pub(crate) fn begin(&mut self, work: T, deadline: Instant) -> Token {
        self.last_token += 1;
        let token = Token(self.last_token);
        self.resume(token, work, deadline);
        token
    }

    /// Enters work again under its token, with a new deadline.
    pub(crate) fn resume(&mut self, token: Token, work: T, deadline: Instant) {
        let timer = self.deadlines.insert(deadline, token);
        self.by_token.insert(token, (work, timer));
    }

    /// Takes the work out; `None` for a token that is not waited for.
    pub(crate) fn end(&mut self, token: Token) -> Option<T> {
        let (work, timer) = self.by_token.remove(&token)?;
        self.deadlines.cancel(timer);
        Some(work)
    }

    /// Looks at the work without taking it.
    pub(crate) fn get(&self, token: Token) -> Option<&T> {
        self.by_token.get(&token).map(|(work, _)| work)
    }

    /// Takes out one piece of work whose deadline has passed.
    pub(crate) fn pop_overdue(&mut self, now: Instant) -> Option<(Token, T)> {
        loop {
            let token = self.deadlines.pop_due(now)?;
            if let Some((work, _)) = self.by_token.remove(&token) {
                return Some((token, work));
            }
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next_deadline()
    }
}
