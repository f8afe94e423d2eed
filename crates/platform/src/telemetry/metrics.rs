//! Figures for Prometheus.

use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// Every figure of the process. Names get the prefix `offhook_` when they are registered, counters the
/// suffix `_total`.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    draining: Gauge<i64, AtomicI64>,
}

impl Metrics {
    /// What the content of `/metrics` is called in HTTP.
    pub const CONTENT_TYPE: &'static str =
        "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// A registry that holds `offhook_build_info` and `offhook_draining`.
    #[must_use]
    pub fn new(program: &'static str) -> Self {
        let mut registry = Registry::with_prefix("offhook");
        let build =
            Info::new([("program", program), ("version", env!("CARGO_PKG_VERSION"))].to_vec());
        registry.register("build", "The program that runs, always 1", build);
        let draining = Gauge::default();
        registry.register(
            "draining",
            "1 while the process ends and takes no new calls",
            draining.clone(),
        );
        Self { registry: Arc::new(Mutex::new(registry)), draining }
    }

    /// Registers figures. Keep clones of them to count with; counting takes no lock.
    pub fn register(&self, register: impl FnOnce(&mut Registry)) {
        register(&mut self.lock());
    }

    /// All figures in the text format of OpenMetrics.
    ///
    /// # Errors
    /// If a metric cannot print itself.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.lock())?;
        Ok(text)
    }

    pub(crate) fn set_draining(&self) {
        self.draining.set(1);
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        // A panic while registering leaves the registry whole.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    #[test]
    fn names_get_the_prefix() {
        let metrics = Metrics::new("offhook-test");
        let requests = Counter::<u64>::default();
        metrics.register(|registry| {
            registry.register("sip_requests", "Requests received", requests.clone());
        });
        requests.inc_by(3);
        metrics.set_draining();
        let text = metrics.encode().unwrap();
        assert!(text.contains("offhook_sip_requests_total 3\n"), "{text}");
        assert!(text.contains("offhook_build_info{program=\"offhook-test\",version="), "{text}");
        assert!(text.contains("offhook_draining 1\n"), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
