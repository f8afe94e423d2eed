//! The end of a process: nothing new is taken, what goes on may end.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// Says whether the process is ending. Copies share one state.
#[derive(Clone)]
pub struct Drain {
    inner: Arc<Inner>,
}

struct Inner {
    /// Read for every request, so it is apart from the channel.
    draining: AtomicBool,
    wake: watch::Sender<bool>,
    work: Mutex<Vec<Work>>,
}

struct Work {
    name: &'static str,
    count: Box<dyn Fn() -> u64 + Send + Sync>,
}

impl Default for Drain {
    fn default() -> Self {
        Self::new()
    }
}

impl Drain {
    /// A process that is not ending.
    #[must_use]
    pub fn new() -> Self {
        let inner = Inner {
            draining: AtomicBool::new(false),
            wake: watch::Sender::new(false),
            work: Mutex::new(Vec::new()),
        };
        Self { inner: Arc::new(inner) }
    }

    /// True once the process is ending: refuse new calls. One relaxed load.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.inner.draining.load(Ordering::Relaxed)
    }

    /// Begins the end of the process.
    pub fn begin(&self) {
        self.inner.draining.store(true, Ordering::Relaxed);
        self.inner.wake.send_replace(true);
    }

    /// Waits until the process is ending.
    pub async fn draining(&self) {
        let mut wake = self.inner.wake.subscribe();
        // The sender lives in `self`, so the channel cannot close while this waits.
        let _ = wake.wait_for(|draining| *draining).await;
    }

    /// Adds something to wait for, such as calls that go on, counted by `count` (which must not block).
    pub fn watch(&self, name: &'static str, count: impl Fn() -> u64 + Send + Sync + 'static) {
        let work = Work { name, count: Box::new(count) };
        self.inner.work.lock().unwrap_or_else(PoisonError::into_inner).push(work);
    }

    /// What still goes on; empty when there is nothing left to wait for.
    #[must_use]
    pub fn remaining(&self) -> Vec<(&'static str, u64)> {
        let work = self.inner.work.lock().unwrap_or_else(PoisonError::into_inner);
        work.iter()
            .map(|work| (work.name, (work.count)()))
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}

impl fmt::Debug for Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain").field("draining", &self.is_draining()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    #[tokio::test]
    async fn begins_once_and_for_all() {
        let drain = Drain::new();
        let other = drain.clone();
        assert!(!other.is_draining());
        drain.begin();
        other.draining().await;
        assert!(other.is_draining());
    }

    #[test]
    fn knows_what_remains() {
        let drain = Drain::new();
        let calls = Arc::new(AtomicU64::new(2));
        let counted = Arc::clone(&calls);
        drain.watch("calls", move || counted.load(Ordering::Relaxed));
        drain.watch("transactions", || 0);
        assert_eq!(drain.remaining(), [("calls", 2)]);
        calls.store(0, Ordering::Relaxed);
        assert_eq!(drain.remaining(), []);
    }
}
