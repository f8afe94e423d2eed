//! What `GET /v1/status` on the control socket answers.

use serde::{Deserialize, Serialize};

use crate::readiness::ReadinessReport;

/// A running process in few words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// The name of the binary.
    pub program: String,
    /// Its version.
    pub version: String,
    /// The name of the node.
    pub node: String,
    /// The process id.
    pub pid: u32,
    /// How long it has been running, in seconds.
    pub uptime_s: u64,
    /// What `/readyz` says.
    pub readiness: ReadinessReport,
}
