//! `/healthz`, `/readyz` and `/metrics`.

use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use super::problem::ProblemDetails;
use crate::readiness::{Readiness, Status};
use crate::telemetry::Metrics;

/// `/healthz`, which looks at the process alone, and `/readyz`, which looks at what it needs; every
/// other path that `routes` does not have is answered with a problem.
pub(crate) fn health_routes(readiness: Readiness, routes: Router) -> Router {
    let alive = Json(serde_json::json!({ "status": "alive" }));
    let readyz = move || std::future::ready(ready(&readiness));
    let own = Router::new()
        .route("/healthz", get(move || std::future::ready(alive)))
        .route("/readyz", get(readyz));
    with_fallbacks(own.merge(routes))
}

/// `/metrics`.
pub(crate) fn metrics_routes(metrics: Metrics) -> Router {
    let figures = move || std::future::ready(figures(&metrics));
    with_fallbacks(Router::new().route("/metrics", get(figures)))
}

pub(crate) fn with_fallbacks(router: Router) -> Router {
    router.fallback(no_such_path).method_not_allowed_fallback(no_such_method)
}

fn ready(readiness: &Readiness) -> Response {
    let report = readiness.report();
    let status = match report.status {
        Status::Ready => StatusCode::OK,
        Status::Starting | Status::Draining | Status::NotReady => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(report)).into_response()
}

fn figures(metrics: &Metrics) -> Response {
    match metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)], text).into_response(),
        Err(_) => {
            let detail = "a figure cannot be printed";
            ProblemDetails::new(StatusCode::INTERNAL_SERVER_ERROR, "metrics_failed", detail)
                .into_response()
        }
    }
}

fn no_such_path(uri: Uri) -> std::future::Ready<ProblemDetails> {
    let detail = format!("there is nothing at {}", uri.path());
    std::future::ready(ProblemDetails::new(StatusCode::NOT_FOUND, "not_found", detail))
}

fn no_such_method(method: Method, uri: Uri) -> std::future::Ready<ProblemDetails> {
    let detail = format!("{} does not take {method}", uri.path());
    std::future::ready(ProblemDetails::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        detail,
    ))
}
