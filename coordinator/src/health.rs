//! Asking a coordinator whether it serves, as container health checks do.

use std::time::Duration;

use proto::connection::diagnosis::innermost;
use proto::connection::{CredentialError, Credentials, Problem};
use tonic_health::pb::HealthCheckRequest;
pub use tonic_health::pb::health_check_response::ServingStatus as Status;
use tonic_health::pb::health_client::HealthClient;

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// The address or a certificate cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// Nothing answers there, or nothing that is trusted.
    #[error("no coordinator at {address}: {problem}")]
    Connect {
        /// As asked.
        address: String,
        /// What is wrong.
        problem: String,
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

/// Asks the coordinator at `address`, such as `http://127.0.0.1:7070`. No token is needed for it.
///
/// # Errors
/// [`HealthError`] when there is no answer within three seconds.
pub async fn check(address: String, credentials: &Credentials) -> Result<Status, HealthError> {
    let failed = |error: tonic::transport::Error| {
        let problem = Problem::of(&error)
            .map_or_else(|| innermost(&error), |problem| format!("{problem}; {}", problem.hint()));
        HealthError::Connect { address: address.clone(), problem }
    };
    let endpoint = credentials.endpoint(&address)?;
    let channel = endpoint.connect_timeout(PATIENCE).timeout(PATIENCE).connect().await.map_err(failed)?;
    let answer = HealthClient::new(channel)
        .check(HealthCheckRequest::default())
        .await
        .map_err(|source| HealthError::Call { address, source: Box::new(source) })?;
    Ok(answer.into_inner().status())
}
