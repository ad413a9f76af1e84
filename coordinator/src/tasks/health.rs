//! `grpc.health.v1`: serving while Postgres answers, not while it is away or the coordinator drains.

use std::time::Duration;

use proto::v1::{fleet_service_server, sweep_service_server, token_service_server, worker_service_server};
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::store::Store;

/// How often Postgres is asked.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long its answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Reports until `drain`, and then that this coordinator no longer serves.
pub async fn run(store: Store, reporter: HealthReporter, drain: CancellationToken) {
    let mut was_there = true;
    loop {
        let check = store.ping(PATIENCE);
        let answer = tokio::select! {
            () = drain.cancelled() => break,
            answer = check => answer,
        };
        let is_there = answer.is_ok();
        set(&reporter, if is_there { ServingStatus::Serving } else { ServingStatus::NotServing }).await;
        match answer {
            Err(error) if was_there => {
                tracing::warn!("Postgres is away, calls are refused until it is back: {error}");
            }
            Ok(_) if !was_there => tracing::info!("Postgres is back"),
            _ => {}
        }
        was_there = is_there;
        tokio::select! {
            () = drain.cancelled() => break,
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
    set(&reporter, ServingStatus::NotServing).await;
}

/// Sets the status of the whole server and of each service.
pub async fn set(reporter: &HealthReporter, status: ServingStatus) {
    let services = [
        sweep_service_server::SERVICE_NAME,
        worker_service_server::SERVICE_NAME,
        fleet_service_server::SERVICE_NAME,
        token_service_server::SERVICE_NAME,
    ];
    for service in [""].into_iter().chain(services) {
        reporter.set_service_status(service, status).await;
    }
}
