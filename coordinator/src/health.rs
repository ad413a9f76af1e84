//! Asking a coordinator whether it serves, as container health checks do.

use std::time::Duration;

use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
pub use tonic_health::pb::health_check_response::ServingStatus as Status;
use tonic_health::pb::health_client::HealthClient;

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// Nothing answers there.
    #[error("no coordinator at {address}")]
    Connect {
        /// As asked.
        address: String,
        /// What the transport says.
        source: tonic::transport::Error,
    },
    /// Something answers, but not this question.
    #[error("no health from {address}")]
    Call {
        /// As asked.
        address: String,
        /// What it says.
        source: Box<tonic::Status>,
    },
}

/// Asks the coordinator at `address`, such as `http://127.0.0.1:7070`.
///
/// # Errors
/// [`HealthError`] when there is no answer within three seconds.
pub async fn check(address: String) -> Result<Status, HealthError> {
    let failed = |source| HealthError::Connect { address: address.clone(), source };
    let endpoint = Endpoint::from_shared(address.clone()).map_err(failed)?;
    let channel = endpoint.connect_timeout(PATIENCE).timeout(PATIENCE).connect().await.map_err(failed)?;
    let answer = HealthClient::new(channel)
        .check(HealthCheckRequest::default())
        .await
        .map_err(|source| HealthError::Call { address, source: Box::new(source) })?;
    Ok(answer.into_inner().status())
}
