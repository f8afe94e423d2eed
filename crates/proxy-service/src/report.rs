//! What the engines report, as log lines and counts.

use std::borrow::Cow;
use std::net::SocketAddr;

use offhook_proxy::{CallReport, Report as ProxyReport};
use offhook_registrar::Report as RegistrarReport;
use offhook_sip_message::StatusCode;

use crate::metrics::SipMetrics;

/// Logs and counts a report of a proxy shard.
pub(crate) fn proxy(report: &ProxyReport, metrics: &SipMetrics) {
    match report {
        ProxyReport::Call { call_id, event } => {
            metrics.call(*event);
            let call_id = text(call_id);
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
        ProxyReport::WrongCredentials { call_id, user, remote } => {
            wrong_credentials(call_id, user, remote, metrics);
        }
        ProxyReport::Refused { call_id, status, reason } => {
            refused(call_id, *status, reason, metrics);
        }
    }
}

/// Logs and counts a report of a registrar shard.
pub(crate) fn registrar(report: &RegistrarReport, metrics: &SipMetrics) {
    match report {
        RegistrarReport::Registered { call_id, aor, bindings } => {
            tracing::debug!(call_id = %text(call_id), %aor, bindings, "registered");
        }
        RegistrarReport::WrongCredentials { call_id, aor, remote } => {
            wrong_credentials(call_id, aor, remote, metrics);
        }
        RegistrarReport::Refused { call_id, status, reason } => {
            refused(call_id, *status, reason, metrics);
        }
    }
}

fn wrong_credentials(call_id: &[u8], user: &str, remote: &SocketAddr, metrics: &SipMetrics) {
    metrics.wrong_credentials.inc();
    let call_id = text(call_id);
    tracing::info!(%call_id, user, %remote, "wrong user name or password");
}

fn refused(call_id: &[u8], status: StatusCode, reason: &str, metrics: &SipMetrics) {
    metrics.refusal(status);
    let (call_id, status_code) = (text(call_id), status.as_u16());
    // A challenge is how every call begins.
    if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        tracing::debug!(%call_id, status = status_code, reason, "credentials asked for");
    } else {
        tracing::info!(%call_id, status = status_code, reason, "request refused");
    }
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
