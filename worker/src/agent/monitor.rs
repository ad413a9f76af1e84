//! A worker's own small HTTP server: `/metrics` for Prometheus, `/healthz` for health checks; and the question to it.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use super::metrics::METRICS;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Prometheus's text format, as the exposition says it.
const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves until the process ends; an error ends only this server, and is logged.
pub async fn serve(listener: TcpListener) {
    let health = || async {
        match METRICS.health() {
            Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
            Err(problem) => (StatusCode::SERVICE_UNAVAILABLE, format!("{problem}\n")),
        }
    };
    let metrics = || async {
        match METRICS.scrape() {
            Ok(text) => ([(CONTENT_TYPE, TEXT)], text).into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    };
    let routes = Router::new().route("/healthz", get(health)).route("/metrics", get(metrics));
    if let Err(error) = axum::serve(listener, routes).await {
        tracing::error!("the metrics server broke: {error}");
    }
}

/// Asks the worker that listens there whether it is well.
///
/// # Errors
/// What is wrong, in words.
pub fn ask(listen: SocketAddr) -> Result<(), String> {
    // What listens everywhere is asked here.
    let ip = if listen.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { listen.ip() };
    let address = SocketAddr::new(ip, listen.port());
    let failed = |error: std::io::Error| format!("no worker answers at {address}: {error}");
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: worker\r\nConnection: close\r\n\r\n")
        .map_err(failed)?;
    let mut answer = String::new();
    stream.take(4096).read_to_string(&mut answer).map_err(failed)?;
    if answer.starts_with("HTTP/1.1 200 ") {
        return Ok(());
    }
    let (_, problem) = answer.split_once("\r\n\r\n").unwrap_or(("", "it gave no answer"));
    Err(problem.trim().to_owned())
}
