//! Errors of HTTP interfaces as `application/problem+json` (RFC 9457).

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

/// The body of an error (RFC 9457 section 3). The type is always `about:blank`; programs tell errors
/// apart by `code`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemDetails {
    /// The HTTP status.
    pub status: u16,
    /// The kind of error, in few words.
    pub title: String,
    /// What happened this time, in plain words.
    pub detail: String,
    /// A word that stays the same over versions.
    pub code: String,
}

impl ProblemDetails {
    /// An error with `status`; its title is the phrase of the status.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error").to_owned();
        Self { status: status.as_u16(), title, detail: detail.into(), code: code.to_owned() }
    }
}

impl IntoResponse for ProblemDetails {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let content_type = HeaderValue::from_static("application/problem+json");
        (status, [(header::CONTENT_TYPE, content_type)], Json(self)).into_response()
    }
}
