//! What signalling counts. Labels come from closed sets only.

use offhook_platform::Metrics;
use offhook_proxy::CallReport;
use offhook_sip_message::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

/// The counters of signalling, taken from their families once: counting is one atomic addition.
#[derive(Debug)]
pub(crate) struct SipMetrics {
    requests: [Counter; Method::ALL.len()],
    responses: [Counter; 6],
    pub(crate) malformed: Counter,
    pub(crate) wrong_credentials: Counter,
    refused: [Counter; 4],
    started: Counter,
    answered: Counter,
    failed: Counter,
    ended: Counter,
    expired: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MethodLabel {
    method: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassLabel {
    status_class: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

impl SipMetrics {
    /// Registers the counters.
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let requests = Family::<MethodLabel, Counter>::default();
        let responses = Family::<ClassLabel, Counter>::default();
        let refused = Family::<ClassLabel, Counter>::default();
        let calls = Family::<ResultLabel, Counter>::default();
        let malformed = Counter::default();
        let wrong_credentials = Counter::default();
        metrics.register(|registry| {
            registry.register("sip_requests", "Requests received", requests.clone());
            registry.register("sip_responses", "Responses received", responses.clone());
            registry.register(
                "sip_malformed",
                "Messages that could not be read",
                malformed.clone(),
            );
            registry.register(
                "sip_refused",
                "Requests refused by the proxy itself",
                refused.clone(),
            );
            registry.register(
                "sip_wrong_credentials",
                "Requests with credentials that are not those of the user they name",
                wrong_credentials.clone(),
            );
            registry.register("calls", "Calls by what became of them", calls.clone());
        });
        let call = |result| calls.get_or_create_owned(&ResultLabel { result });
        let class = |family: &Family<ClassLabel, Counter>, status_class| {
            family.get_or_create_owned(&ClassLabel { status_class })
        };
        Self {
            requests: Method::ALL.map(|method| {
                requests.get_or_create_owned(&MethodLabel { method: method.as_str() })
            }),
            responses: ["1xx", "2xx", "3xx", "4xx", "5xx", "6xx"]
                .map(|name| class(&responses, name)),
            malformed,
            wrong_credentials,
            refused: ["3xx", "4xx", "5xx", "6xx"].map(|name| class(&refused, name)),
            started: call("started"),
            answered: call("answered"),
            failed: call("failed"),
            ended: call("ended"),
            expired: call("expired"),
        }
    }

    pub(crate) fn request(&self, method: Method) {
        self.requests[method as usize].inc();
    }

    pub(crate) fn response(&self, status: StatusCode) {
        if let Some(counter) = self.responses.get(usize::from(status.class()).wrapping_sub(1)) {
            counter.inc();
        }
    }

    pub(crate) fn refusal(&self, status: StatusCode) {
        if let Some(counter) = self.refused.get(usize::from(status.class()).wrapping_sub(3)) {
            counter.inc();
        }
    }

    pub(crate) fn call(&self, event: CallReport) {
        match event {
            CallReport::Started => self.started.inc(),
            CallReport::Answered => self.answered.inc(),
            CallReport::Failed(_) => self.failed.inc(),
            CallReport::Ended => self.ended.inc(),
            CallReport::Expired => self.expired.inc(),
        };
    }
}
