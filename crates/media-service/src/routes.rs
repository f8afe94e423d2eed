//! What the control socket shows.

use axum::{Json, Router, routing::get};
use serde::{Deserialize, Serialize};

use crate::{CallSummary, MediaHandle};

/// One entry of `GET /v1/media/calls`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct CallEntry {
    /// The SIP Call-ID.
    pub call_id: String,
    /// The tag of the party that made the first offer.
    pub from_tag: String,
    /// The tag of the other party; empty until it is known.
    pub to_tag: String,
    /// When the session came up, in milliseconds since 1970.
    pub created_ms: u64,
    /// Whether there was an answer.
    pub answered: bool,
    /// How many media are relayed.
    pub media: usize,
    /// Packets that the first party sent.
    pub packets_from_caller: u64,
    /// Packets that the other party sent.
    pub packets_from_callee: u64,
    /// Packets dropped.
    pub dropped: u64,
}

impl From<CallSummary> for CallEntry {
    fn from(summary: CallSummary) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            call_id: text(&summary.call_id),
            from_tag: text(&summary.from_tag),
            to_tag: text(&summary.to_tag),
            created_ms: summary.created.as_millis(),
            answered: summary.answered,
            media: summary.media,
            packets_from_caller: summary.from_caller.packets,
            packets_from_callee: summary.from_callee.packets,
            dropped: summary.from_caller.errors + summary.from_callee.errors,
        }
    }
}

/// `GET /v1/media/calls`.
pub fn control_routes(handle: MediaHandle) -> Router {
    let calls = move || {
        let calls = handle.calls().into_iter().map(CallEntry::from).collect::<Vec<_>>();
        std::future::ready(Json(calls))
    };
    Router::new().route("/v1/media/calls", get(calls))
}
