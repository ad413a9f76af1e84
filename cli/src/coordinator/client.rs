//! A connection to a coordinator.

use std::error::Error;
use std::time::Duration;

use proto::Reason;
use proto::connection::diagnosis::innermost;
use proto::connection::{Bearer, Credentials};
use proto::v1::GetServerInfoRequest;
use proto::v1::fleet_service_client::FleetServiceClient;
use proto::v1::sweep_service_client::SweepServiceClient;
use proto::v1::token_service_client::TokenServiceClient;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

use crate::coordinator::address::Address;
use crate::coordinator::{credentials, refusal};
use crate::failure::Failure;
use crate::talk::Talk;

/// How long a coordinator may take to answer the first call before it counts as out of reach.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// A connected client of the service for people.
pub type Client = SweepServiceClient<InterceptedService<Channel, Bearer>>;

/// The client of the service for administrators, on the same connection.
pub type TokenClient = TokenServiceClient<InterceptedService<Channel, Bearer>>;

/// The client of the service for operators.
pub type FleetClient = FleetServiceClient<InterceptedService<Channel, Bearer>>;

/// Connects and asks the coordinator for a sign of life, so that everything after may take its time.
///
/// # Errors
/// When it cannot be reached within 3 seconds, is not trusted, or its database is out of its reach.
pub async fn connect(address: &Address, credentials: &Credentials) -> Result<Client, Failure> {
    let channel = channel(address, credentials).await?;
    Ok(SweepServiceClient::new(channel)
        .max_decoding_message_size(proto::MAX_MESSAGE_BYTES)
        .max_encoding_message_size(proto::MAX_MESSAGE_BYTES))
}

/// The same for administrators.
///
/// # Errors
/// As [`connect`].
pub async fn connect_for_tokens(
    address: &Address,
    credentials: &Credentials,
) -> Result<TokenClient, Failure> {
    Ok(TokenServiceClient::new(channel(address, credentials).await?))
}

/// The same for operators.
///
/// # Errors
/// As [`connect`].
pub async fn connect_for_fleet(address: &Address, credentials: &Credentials) -> Result<FleetClient, Failure> {
    Ok(FleetServiceClient::new(channel(address, credentials).await?))
}

/// Warns of a token that everybody between here and the coordinator can read.
pub fn warn_when_exposed(address: &Address, credentials: &Credentials, talk: Talk) {
    if credentials.token_is_exposed_at(&address.url) {
        talk.warn(format_args!(
            "the token travels unencrypted to {}; use an https:// address of a coordinator with --tls-cert",
            address.url
        ));
    }
}

async fn channel(
    address: &Address,
    credentials: &Credentials,
) -> Result<InterceptedService<Channel, Bearer>, Failure> {
    let endpoint = credentials
        .endpoint(&address.url)
        .map_err(|error| credentials::unusable(&error))?
        .connect_timeout(PATIENCE)
        .tcp_nodelay(true)
        // A watch may be silent for long: a dead peer is noticed all the same.
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(10));
    let first_call = async {
        let channel = InterceptedService::new(endpoint.connect().await?, credentials.bearer());
        let answer = SweepServiceClient::new(channel.clone()).get_server_info(GetServerInfoRequest {}).await;
        Ok::<_, tonic::transport::Error>((answer, channel))
    };
    match tokio::time::timeout(PATIENCE, first_call).await {
        Ok(Ok((Ok(_), channel))) => Ok(channel),
        Ok(Ok((Err(status), _))) if Reason::of(&status).is_some() => Err(refusal::failure(&status, address)),
        Ok(Ok((Err(status), _))) => match problem(address, credentials, &status).await {
            Some(failure) => Err(failure),
            None => Err(refusal::failure(&status, address)),
        },
        Ok(Err(error)) => match problem(address, credentials, &error).await {
            Some(failure) => Err(failure),
            None => Err(address.unreachable(&innermost(&error))),
        },
        Err(_) => Err(address.unreachable("no answer within 3 seconds")),
    }
}

/// What TLS has to do with a failed call; `None` for nothing.
async fn problem(
    address: &Address,
    credentials: &Credentials,
    error: &(dyn Error + 'static),
) -> Option<Failure> {
    let problem = credentials.diagnose(&address.url, error).await?;
    Some(Failure { hint: Some(problem.hint().to_owned()), ..address.unreachable(&problem.to_string()) })
}
