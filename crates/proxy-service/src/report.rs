//! What the engines report, as log lines and counts.

use offhook_proxy::{CallReport, Report};

use crate::metrics::SipMetrics;

/// Logs and counts a report of a proxy shard.
pub(crate) fn log(report: &Report, metrics: &SipMetrics) {
    match report {
        Report::Call { call_id, event } => {
            metrics.call(*event);
            let call_id = String::from_utf8_lossy(call_id);
            match event {
                CallReport::Started => tracing::info!(%call_id, "call started"),
                CallReport::Answered => tracing::info!(%call_id, "call answered"),
                CallReport::Failed(status) => {
                    tracing::info!(%call_id, status = status.as_u16(), "call failed");
                }
                CallReport::Ended => tracing::info!(%call_id, "call ended"),
                CallReport::Expired => {
                    tracing::warn!(%call_id, "call taken off the list: no BYE for too long");
                }
            }
        }
        Report::Refused { call_id, status, reason } => {
            metrics.refusal(*status);
            let call_id = String::from_utf8_lossy(call_id);
            tracing::info!(%call_id, status = status.as_u16(), reason, "request refused");
        }
    }
}
