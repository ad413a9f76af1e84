//! What is served over plain HTTP beside gRPC: whether this process lives, figures for monitors, and the
//! live page.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

mod connections;

mod metrics;

use connections::Limited;

use crate::access::Peer;
use crate::access::authenticator::Authenticator;
use crate::context::Context;
use crate::web::{self, Web};

/// All routes.
pub fn routes(context: &Context, authenticator: Option<Arc<Authenticator>>) -> Router {
    let for_machines = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(metrics::show).with_state(context.store.clone()));
    for_machines.merge(web::router(Web::new(context.clone(), authenticator)))
}

/// Serves `routes` on `listener`, on so many connections at once, until `drain`; an error ends only this server, and is
/// logged.
pub async fn serve(listener: TcpListener, connections: u32, routes: Router, drain: CancellationToken) {
    let listener = Limited::new(listener, connections);
    let served = axum::serve(listener, routes.into_make_service_with_connect_info::<Peer>())
        .with_graceful_shutdown(drain.cancelled_owned())
        .await;
    if let Err(error) = served {
        tracing::error!("the HTTP server broke: {error}");
    }
}
