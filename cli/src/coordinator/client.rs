//! A connection to a coordinator.

use std::path::Path;
use std::time::Duration;

use proto::v1::GetServerInfoRequest;
use proto::v1::sweep_service_client::SweepServiceClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::coordinator::address::{Address, Origin};
use crate::coordinator::refusal;
use crate::failure::{Exit, Failure};

/// How long a coordinator may take to answer the first call before it counts as out of reach.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// A connected client of the service for people.
pub type Client = SweepServiceClient<InterceptedService<Channel, Bearer>>;

/// Adds `authorization: Bearer` to every call, where there is a token.
#[derive(Debug, Clone, Default)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    /// The token in a file; surrounding blanks do not belong to it.
    ///
    /// # Errors
    /// When the file cannot be read or holds no token.
    pub fn from_file(file: Option<&Path>) -> Result<Self, Failure> {
        let Some(file) = file else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::io(format!("cannot read the token file {}", file.display()), &error))?;
        match format!("Bearer {}", text.trim()).parse() {
            Ok(value) if !text.trim().is_empty() => Ok(Self(Some(value))),
            _ => Err(Failure::usage(format!("{} holds no token", file.display()))
                .hint("a token file holds the token alone, on one line")),
        }
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// Connects and asks the coordinator for a sign of life, so that everything after may take its time.
///
/// # Errors
/// When it cannot be reached within 3 seconds, or its database is out of its reach.
pub async fn connect(address: &Address, bearer: Bearer) -> Result<Client, Failure> {
    let endpoint = Endpoint::from_shared(address.url.clone())
        .map_err(|_| Failure::usage(format!("`{}` is not the address of a coordinator", address.url)))?
        .connect_timeout(PATIENCE)
        .tcp_nodelay(true)
        // A watch may be silent for long: a dead peer is noticed all the same.
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(10));
    let first_call = async {
        let channel = endpoint.connect().await.map_err(|error| refusal::innermost(&error))?;
        let mut client = SweepServiceClient::with_interceptor(channel, bearer)
            .max_decoding_message_size(proto::MAX_MESSAGE_BYTES)
            .max_encoding_message_size(proto::MAX_MESSAGE_BYTES);
        Ok::<_, String>((client.get_server_info(GetServerInfoRequest {}).await, client))
    };
    match tokio::time::timeout(PATIENCE, first_call).await {
        Ok(Ok((Ok(_), client))) => Ok(client),
        Ok(Ok((Err(status), _))) => Err(refusal::failure(&status, address)),
        Ok(Err(why)) => Err(unreachable(address, &why)),
        Err(_) => Err(unreachable(address, "no answer within 3 seconds")),
    }
}

/// Nobody answers there.
#[must_use]
pub fn unreachable(address: &Address, why: &str) -> Failure {
    let Address { url, origin } = address;
    let hint = match origin {
        Origin::Default => {
            "start a local stack with: batchsweep up; or name a coordinator with --coordinator or BATCHSWEEP_COORDINATOR"
        }
        Origin::LocalStack => {
            "see what runs with: batchsweep status; start it again with: batchsweep down && batchsweep up"
        }
        Origin::Flag | Origin::Environment => {
            "check that a coordinator listens there and that the address is right"
        }
    };
    Failure::new(Exit::Unreachable, format!("no coordinator at {url} ({origin}): {why}")).hint(hint)
}
