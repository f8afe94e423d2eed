//! Whether the process can do its work, check by check, in plain words.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::drain::Drain;

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// True if the thing checked works.
    pub ready: bool,
    /// What was found, in plain words.
    pub detail: String,
}

impl Check {
    /// It works.
    #[must_use]
    pub fn ready(detail: impl Into<String>) -> Self {
        Self { ready: true, detail: detail.into() }
    }

    /// It does not work, or not yet.
    #[must_use]
    pub fn not_ready(detail: impl Into<String>) -> Self {
        Self { ready: false, detail: detail.into() }
    }
}

/// The checks of the process. Copies share them.
#[derive(Clone)]
pub struct Readiness {
    inner: Arc<Inner>,
}

struct Inner {
    started: AtomicBool,
    drain: Drain,
    checks: Mutex<Vec<NamedCheck>>,
}

struct NamedCheck {
    name: &'static str,
    check: Box<dyn Fn() -> Check + Send + Sync>,
}

/// A check whose result is set by its owner.
#[derive(Clone, Debug)]
pub struct ReadyFlag(Arc<Mutex<Check>>);

impl ReadyFlag {
    /// It works from here on.
    pub fn ready(&self, detail: impl Into<String>) {
        self.set(Check::ready(detail));
    }

    /// It does not work from here on.
    pub fn not_ready(&self, detail: impl Into<String>) {
        self.set(Check::not_ready(detail));
    }

    fn set(&self, check: Check) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = check;
    }
}

/// Why requests are taken or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Every check passes.
    Ready,
    /// The process has not finished starting.
    Starting,
    /// The process is ending.
    Draining,
    /// A check fails.
    NotReady,
}

/// The answer of `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadinessReport {
    /// The whole.
    pub status: Status,
    /// Each check.
    pub checks: Vec<CheckReport>,
}

/// One check in the answer of `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReport {
    /// What was checked.
    pub name: String,
    /// True if it works.
    pub ready: bool,
    /// What was found, in plain words.
    pub detail: String,
}

impl Readiness {
    /// No checks, and not started.
    #[must_use]
    pub fn new(drain: Drain) -> Self {
        let inner =
            Inner { started: AtomicBool::new(false), drain, checks: Mutex::new(Vec::new()) };
        Self { inner: Arc::new(inner) }
    }

    /// Adds a check that is made for every request of `/readyz`; it must not block.
    pub fn add(&self, name: &'static str, check: impl Fn() -> Check + Send + Sync + 'static) {
        let check = NamedCheck { name, check: Box::new(check) };
        self.inner.checks.lock().unwrap_or_else(PoisonError::into_inner).push(check);
    }

    /// Adds a check that its owner sets; it fails with `detail` until then.
    #[must_use]
    pub fn flag(&self, name: &'static str, detail: impl Into<String>) -> ReadyFlag {
        let flag = ReadyFlag(Arc::new(Mutex::new(Check::not_ready(detail))));
        let shown = flag.clone();
        self.add(name, move || shown.0.lock().unwrap_or_else(PoisonError::into_inner).clone());
        flag
    }

    /// Says that everything has been started.
    pub fn started(&self) {
        self.inner.started.store(true, Ordering::Relaxed);
    }

    /// Makes every check.
    #[must_use]
    pub fn report(&self) -> ReadinessReport {
        let checks = self.inner.checks.lock().unwrap_or_else(PoisonError::into_inner);
        let checks: Vec<CheckReport> = checks
            .iter()
            .map(|named| {
                let Check { ready, detail } = (named.check)();
                CheckReport { name: named.name.to_owned(), ready, detail }
            })
            .collect();
        let status = if self.inner.drain.is_draining() {
            Status::Draining
        } else if !self.inner.started.load(Ordering::Relaxed) {
            Status::Starting
        } else if checks.iter().all(|check| check.ready) {
            Status::Ready
        } else {
            Status::NotReady
        };
        ReadinessReport { status, checks }
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness").field("status", &self.report().status).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_follows_start_checks_and_drain() {
        let drain = Drain::new();
        let readiness = Readiness::new(drain.clone());
        let sip = readiness.flag("sip", "opening the listeners");
        readiness.add("database", || Check::ready("SQLite"));
        assert_eq!(readiness.report().status, Status::Starting);
        readiness.started();
        assert_eq!(readiness.report().status, Status::NotReady);
        sip.ready("udp:127.0.0.1:5060");
        assert_eq!(readiness.report().status, Status::Ready);
        sip.not_ready("the socket failed");
        let report = readiness.report();
        assert_eq!(report.status, Status::NotReady);
        assert_eq!(report.checks[0].detail, "the socket failed");
        drain.begin();
        assert_eq!(readiness.report().status, Status::Draining);
    }
}
