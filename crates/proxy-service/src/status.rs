//! What the control socket tells about signalling.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use offhook_proxy::{Call, CallState};
use serde::{Deserialize, Serialize};

use crate::signalling::{Signalling, lock};

/// A call as `GET /v1/calls` lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallEntry {
    /// The Call-ID.
    pub call_id: String,
    /// The caller's URI.
    pub from: String,
    /// The called URI.
    pub to: String,
    /// `ringing` or `answered`.
    pub state: String,
    /// When the INVITE was forwarded, in milliseconds since 1970.
    pub started_ms: u64,
    /// When the call was answered, in milliseconds since 1970.
    pub answered_ms: Option<u64>,
    /// Whether its media is relayed.
    pub relayed: bool,
}

impl From<&Call> for CallEntry {
    fn from(call: &Call) -> Self {
        Self {
            call_id: call.call_id.clone(),
            from: call.from.clone(),
            to: call.to.clone(),
            state: match call.state {
                CallState::Ringing => "ringing".into(),
                CallState::Answered => "answered".into(),
            },
            started_ms: call.started.as_millis(),
            answered_ms: call.answered.map(|at| at.as_millis()),
            relayed: call.relayed,
        }
    }
}

/// The routes of signalling on the control socket.
pub(crate) fn routes(signalling: &Arc<Signalling>) -> Router {
    let signalling = Arc::clone(signalling);
    let calls = get(move || std::future::ready(Json(calls(&signalling))));
    Router::new().route("/v1/calls", calls)
}

/// Every call in progress, the oldest first.
fn calls(signalling: &Signalling) -> Vec<CallEntry> {
    let mut calls: Vec<CallEntry> = signalling
        .proxies
        .iter()
        .flat_map(|shard| lock(shard).calls().map(CallEntry::from).collect::<Vec<_>>())
        .collect();
    calls.sort_by(|a, b| (a.started_ms, &a.call_id).cmp(&(b.started_ms, &b.call_id)));
    calls
}
