//! Calls to the coordinator. Every one may be repeated without harm, so a lost connection or a lost reply is answered
//! by asking again.

use std::future::Future;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use proto::connection::{Bearer, CredentialError, Credentials};
use proto::reason::retry_delay;
use proto::v1::worker_service_client::WorkerServiceClient;
use proto::{MAX_MESSAGE_BYTES, Reason};
use telemetry::calls::Outgoing;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};

/// The generated client on a channel that connects by itself, and again when it is lost; it shows the token.
pub type Client = WorkerServiceClient<InterceptedService<Outgoing<Channel>, Bearer>>;

/// How often a connection is asked whether its other end is there, and how long that may take. One that fell silent is left
/// after both, so that a new one can still renew leases of half a minute.
const PING: Duration = Duration::from_secs(5);

/// How long a call is tried again while the coordinator is out of reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// As long as it takes.
    UntilAnswered,
    /// The same, unless one does not trust the other: no waiting helps against a wrong certificate.
    UntilTrusted,
    /// Not at all; the caller has a better occasion.
    Never,
}

/// A coordinator's address and the connection to it.
#[derive(Debug, Clone)]
pub struct Coordinator {
    address: String,
    credentials: Credentials,
    client: Client,
}

impl Coordinator {
    /// Does not connect yet.
    ///
    /// # Errors
    /// [`CredentialError`] when the address does not parse, or a certificate cannot be used.
    pub fn new(address: &str, credentials: &Credentials) -> Result<Self, CredentialError> {
        let endpoint = credentials.endpoint(address)?;
        if credentials.token_is_exposed_at(address) {
            tracing::warn!("the token travels unencrypted to {address}; use an https:// address");
        }
        let channel = endpoint
            .connect_timeout(Duration::from_secs(3))
            .tcp_keepalive(Some(Duration::from_secs(30)))
            .http2_keep_alive_interval(PING)
            .keep_alive_timeout(PING)
            .keep_alive_while_idle(true)
            .connect_lazy();
        let client = Client::new(InterceptedService::new(Outgoing(channel), credentials.bearer()))
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        Ok(Self { address: address.to_owned(), credentials: credentials.clone(), client })
    }

    /// The address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// For a call that answers with a stream, and that its caller repeats.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
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
            let answer = match tokio::time::timeout(timeout, call(self.client.clone())).await {
                Ok(answer) => answer.map(Response::into_inner),
                Err(_) => Err(Status::deadline_exceeded(format!("no answer within {timeout:?}"))),
            };
            match answer {
                Err(status) if retry == Retry::UntilTrusted => Err(self.explained(status).await),
                answer => answer,
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
            .when(|status| retry != Retry::Never && passes_by_itself(status))
            // A coordinator that is asked too often says when to ask again.
            .adjust(|status, delay| delay.map(|delay| retry_delay(status).unwrap_or_default().max(delay)))
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

    /// An error of the connection as one that no waiting helps against, where that is what it is.
    async fn explained(&self, status: Status) -> Status {
        if Reason::of(&status).is_some() {
            return status;
        }
        match self.credentials.diagnose(&self.address, &status).await {
            Some(problem) => Status::failed_precondition(format!("{problem}; {}", problem.hint())),
            None => status,
        }
    }
}

/// Whether asking again may be answered otherwise.
#[must_use]
pub fn passes_by_itself(status: &Status) -> bool {
    match status.code() {
        _ if retry_delay(status).is_some() => true,
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Aborted => true,
        // A connection that broke under the call has no reason of ours; neither has a proxy's own error.
        Code::Unknown | Code::Internal => Reason::of(status).is_none_or(|reason| reason == Reason::Internal),
        _ => false,
    }
}

/// Whether the coordinator says that the lease is not ours any more, or that we are not to write at all.
#[must_use]
pub fn is_lease_lost(status: &Status) -> bool {
    let may_not = matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied);
    may_not
        || matches!(Reason::of(status), Some(Reason::LeaseLost | Reason::WorkerSuperseded | Reason::NotFound))
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
        assert!(passes_by_itself(&Reason::RateLimited.status_later("slower", Duration::from_secs(1))));
        assert!(!passes_by_itself(&Reason::LimitExceeded.status("too large")));
        assert!(!passes_by_itself(&Reason::InvalidRequest.status("no spec")));
        for reason in [Reason::TokenMissing, Reason::TokenRevoked, Reason::MissingScope, Reason::NotHolder] {
            assert!(!passes_by_itself(&reason.status("no")), "{reason:?}");
        }
    }

    #[test]
    fn an_address_needs_scheme_and_host() {
        assert!(Coordinator::new("127.0.0.1 7070", &Credentials::default()).is_err());
        assert!(Coordinator::new("/socket", &Credentials::default()).is_err());
    }
}
