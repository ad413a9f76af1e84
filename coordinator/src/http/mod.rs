//! What is served over plain HTTP beside gRPC: whether this process lives.

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

mod listen;

pub use listen::HttpListen;

use crate::service::Context;

/// All routes.
pub fn routes(_context: &Context) -> Router {
    Router::new().route("/healthz", get(|| async { "ok\n" }))
}

/// Serves `routes` on `listener` until `drain`; an error ends only this server, and is logged.
pub async fn serve(listener: TcpListener, routes: Router, drain: CancellationToken) {
    let served = axum::serve(listener, routes).with_graceful_shutdown(drain.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::error!("the HTTP server broke: {error}");
    }
}
