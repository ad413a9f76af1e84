//! The gRPC server: its limits and its services.

use std::time::Duration;

use proto::MAX_MESSAGE_BYTES;
use proto::v1::fleet_service_server::FleetServiceServer;
use proto::v1::sweep_service_server::SweepServiceServer;
use proto::v1::token_service_server::TokenServiceServer;
use proto::v1::worker_service_server::WorkerServiceServer;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_reflection::server::v1::{ServerReflection, ServerReflectionServer};

use crate::config::LimitsConfig;
use crate::context::Context;
use crate::service::{Fleet, Sweeps, Tokens, Workers};

/// Headers of one call at most, in bytes.
const MAX_HEADER_BYTES: u32 = 16 << 10;

/// Streams on one connection at most.
const MAX_STREAMS: u32 = 1_024;

/// A server without services.
#[must_use]
pub fn server(limits: &LimitsConfig) -> Server {
    Server::builder()
        // New connections meet new certificates, and are shared out anew among coordinators.
        .max_connection_age(limits.max_connection_age)
        // A client that resets streams as fast as it opens them.
        .http2_max_pending_accept_reset_streams(Some(64))
        .http2_max_header_list_size(MAX_HEADER_BYTES)
        // A peer that vanished without a word is found out; otherwise its connection would stay for ever.
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)))
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
}

/// All services.
///
/// # Errors
/// When the descriptors for reflection do not parse.
pub fn routes(
    context: Context,
    health: HealthServer<impl Health>,
) -> Result<Routes, tonic_reflection::server::Error> {
    let sweeps = SweepServiceServer::new(Sweeps::new(context.clone()))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let workers = WorkerServiceServer::new(Workers::new(context.clone()))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    Ok(Routes::new(health)
        .add_service(reflection()?)
        .add_service(sweeps)
        .add_service(workers)
        .add_service(FleetServiceServer::new(Fleet::new(context.clone())))
        .add_service(TokenServiceServer::new(Tokens::new(context))))
}

fn reflection() -> Result<ServerReflectionServer<impl ServerReflection>, tonic_reflection::server::Error> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
}
