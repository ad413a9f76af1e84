//! `/metrics`, for Prometheus.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::metrics;
use crate::store::Store;

/// Prometheus's text format, as the exposition says it.
const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers with all figures.
pub async fn show(State(store): State<Store>) -> Response {
    match metrics::scrape(&store).await {
        Ok(text) => ([(CONTENT_TYPE, TEXT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
