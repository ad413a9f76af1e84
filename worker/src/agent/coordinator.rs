//! Calls to the coordinator. Every one may be repeated without harm, so a lost connection or a lost reply is answered
//! by asking again.

use std::future::Future;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use proto::v1::worker_service_client::WorkerServiceClient;
use proto::{MAX_MESSAGE_BYTES, Reason};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Response, Status};

use super::AgentError;

/// The generated client on a channel that connects by itself, and again when it is lost.
pub type Client = WorkerServiceClient<Channel>;

/// How long a call is tried again while the coordinator is out of reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// As long as it takes.
    UntilAnswered,
    /// Not at all; the caller has a better occasion.
    Never,
}

/// A coordinator's address and the connection to it.
#[derive(Debug, Clone)]
pub struct Coordinator {
    address: String,
    client: Client,
}

impl Coordinator {
    /// Does not connect yet.
    ///
    /// # Errors
    /// [`AgentError::Address`] when the address does not parse.
    pub fn new(address: &str) -> Result<Self, AgentError> {
        let invalid = |problem: String| AgentError::Address { address: address.to_owned(), problem };
        let endpoint =
            Endpoint::from_shared(address.to_owned()).map_err(|error| invalid(error.to_string()))?;
        if endpoint.uri().host().is_none() || endpoint.uri().scheme().is_none() {
            return Err(invalid("it needs a scheme and a host".to_owned()));
        }
        let channel = endpoint
            .connect_timeout(Duration::from_secs(3))
            .tcp_keepalive(Some(Duration::from_secs(30)))
            .http2_keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(10))
            .keep_alive_while_idle(true)
            .connect_lazy();
        let client = Client::new(channel)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        Ok(Self { address: address.to_owned(), client })
    }

    /// The address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Makes a call, each try within `timeout`.
    ///
    /// # Errors
    /// The status of a call that was refused, or of the last try where `retry` ends them.
    pub async fn call<T, F, Fut>(&self, retry: Retry, timeout: Duration, call: F) -> Result<T, Status>
    where
        F: Fn(Client) -> Fut,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        let attempt = || async {
            match tokio::time::timeout(timeout, call(self.client.clone())).await {
                Ok(answer) => answer.map(Response::into_inner),
                Err(_) => Err(Status::deadline_exceeded(format!("no answer within {timeout:?}"))),
            }
        };
        let backoff = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(100))
            .with_factor(1.7)
            .with_max_delay(Duration::from_secs(5))
            .with_jitter()
            .without_max_times();
        attempt
            .retry(backoff)
            .when(|status| retry == Retry::UntilAnswered && passes_by_itself(status))
            .notify(|status, delay| {
                tracing::warn!(
                    address = self.address,
                    ?delay,
                    "coordinator: {}; asking again",
                    status.message()
                );
            })
            .await
    }
}

/// Whether asking again may be answered otherwise.
fn passes_by_itself(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Aborted => true,
        // A connection that broke under the call has no reason of ours; neither has a proxy's own error.
        Code::Unknown | Code::Internal => Reason::of(status).is_none_or(|reason| reason == Reason::Internal),
        _ => false,
    }
}

/// Whether the coordinator says that the lease is not ours any more.
#[must_use]
pub fn is_lease_lost(status: &Status) -> bool {
    matches!(Reason::of(status), Some(Reason::LeaseLost | Reason::WorkerSuperseded | Reason::NotFound))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_waited_out_and_a_refusal_is_not() {
        assert!(passes_by_itself(&Status::unavailable("connection refused")));
        assert!(passes_by_itself(&Status::unknown("transport error")));
        assert!(passes_by_itself(&Reason::DatabaseUnavailable.status("restarting")));
        assert!(!passes_by_itself(&Reason::LeaseLost.status("somebody else has it")));
        assert!(!passes_by_itself(&Reason::InvalidRequest.status("no token")));
    }

    #[test]
    fn an_address_needs_scheme_and_host() {
        assert!(Coordinator::new("127.0.0.1 7070").is_err());
        assert!(Coordinator::new("/socket").is_err());
    }
}
