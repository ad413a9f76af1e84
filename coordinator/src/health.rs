//! Asking a coordinator whether it serves, as container health checks do.

use std::error::Error;
use std::time::Duration;

use proto::connection::diagnosis::innermost;
use proto::connection::{CredentialError, Credentials};
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
    let endpoint = credentials.endpoint(&address)?;
    let channel = endpoint.connect_timeout(PATIENCE).timeout(PATIENCE).connect().await;
    let channel = match channel {
        Ok(channel) => channel,
        Err(error) => {
            let problem = told(credentials, &address, &error).await;
            return Err(HealthError::Connect {
                address,
                problem: problem.unwrap_or_else(|| innermost(&error)),
            });
        }
    };
    match HealthClient::new(channel).check(HealthCheckRequest::default()).await {
        Ok(answer) => Ok(answer.into_inner().status()),
        Err(status) => match told(credentials, &address, &status).await {
            Some(problem) => Err(HealthError::Connect { address, problem }),
            None => Err(HealthError::Call { address, source: Box::new(status) }),
        },
    }
}

/// What TLS has to do with it, and what to do.
async fn told(credentials: &Credentials, address: &str, error: &(dyn Error + 'static)) -> Option<String> {
    let problem = credentials.diagnose(address, error).await?;
    Some(format!("{problem}; {}", problem.hint()))
}
