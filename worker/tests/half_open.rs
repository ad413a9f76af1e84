//! A connection whose other end is gone without a word, as after a router forgot it: nothing is refused, nothing comes back.

#![allow(clippy::unwrap_used, reason = "a test says what went wrong by ending")]

use std::time::{Duration, Instant};

use proto::connection::Credentials;
use proto::v1;
use tokio::net::TcpListener;
use tonic::Code;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use worker::agent::coordinator::{Coordinator, Retry};

/// A lease lasts 30 s by default, and was renewed at most 5 s before the silence: what is left after this is for the new
/// connection.
const NOTICED_WITHIN: Duration = Duration::from_secs(15);

#[tokio::test]
async fn a_connection_that_fell_silent_is_left_well_within_a_lease() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (told, accepted) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        // Held open, and never read.
        let silent = listener.accept().await.unwrap();
        told.send(silent).unwrap();
        let server = Server::builder().add_routes(Routes::default());
        server.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap();
    });
    let coordinator = Coordinator::new(&format!("http://{address}"), &Credentials::default()).unwrap();
    let started = Instant::now();
    // As heartbeats do: each one is the next try.
    let beat = || {
        coordinator.call(Retry::Never, Duration::from_secs(2), |mut client| async move {
            client.heartbeat(v1::HeartbeatRequest::default()).await
        })
    };
    // The server has no such method; an answer is all that is asked for.
    while beat().await.unwrap_err().code() != Code::Unimplemented {}
    assert!(started.elapsed() < NOTICED_WITHIN, "after {:?}", started.elapsed());
    drop(accepted.await.unwrap());
}
