//! `TokenService`: for administrators. A token is told once, to the one who asked for it; what is stored is its hash.

use std::time::Duration;

use domain::access::{Scope, check_principal};
use proto::v1::{self, token_service_server::TokenService};
use proto::{Reason, Token};
use tonic::{Request, Response, Status};

use super::{decode, encode};
use crate::access::Caller;
use crate::access::status::{invalid, of_store};
use crate::context::Context;
use crate::store::Store;
use crate::store::token::{self, TokenRow};

/// The longest time a token may be valid for: past it, leave the time out.
const MAX_LIFETIME: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

/// The handlers.
#[derive(Debug, Clone)]
pub struct Tokens {
    context: Context,
}

impl Tokens {
    /// Handlers over this context.
    #[must_use]
    pub fn new(context: Context) -> Self {
        Self { context }
    }
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl TokenService for Tokens {
    async fn create_token(
        &self,
        request: Request<v1::CreateTokenRequest>,
    ) -> Answer<v1::CreateTokenResponse> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        check_principal(&request.name).map_err(|problem| invalid("name", &problem))?;
        let scopes = decode::scopes(&request.scopes)?;
        let lifetime = match request.lifetime {
            None => None,
            Some(lifetime) => match Duration::try_from(lifetime) {
                Ok(lifetime) if !lifetime.is_zero() && lifetime <= MAX_LIFETIME => Some(lifetime),
                _ => return Err(invalid("lifetime", "is not between a moment and a hundred years")),
            },
        };
        let (row, token) = create(&self.context.store, &request.name, &scopes, lifetime).await?;
        tracing::info!(by = caller.name(), token_id = %row.token_id, name = row.name, "a new token");
        let token = token.expose().to_owned();
        Ok(Response::new(v1::CreateTokenResponse { info: Some(encode::token(row)), token }))
    }

    async fn list_tokens(&self, request: Request<v1::ListTokensRequest>) -> Answer<v1::ListTokensResponse> {
        let list = async {
            let mut connection = self.context.store.requests.acquire().await?;
            token::list(&mut connection, request.get_ref().all).await
        };
        let tokens = list.await.map_err(of_store)?.into_iter().map(encode::token).collect();
        Ok(Response::new(v1::ListTokensResponse { tokens }))
    }

    async fn revoke_tokens(
        &self,
        request: Request<v1::RevokeTokensRequest>,
    ) -> Answer<v1::RevokeTokensResponse> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let name = decode::reference("token", &request.token)?;
        let revoke = async {
            let mut connection = self.context.store.requests.acquire().await?;
            token::revoke(&mut connection, name).await
        };
        let revoked = revoke.await.map_err(of_store)?;
        tracing::info!(by = caller.name(), tokens = revoked.len(), "revoked `{name}`");
        Ok(Response::new(v1::RevokeTokensResponse {
            revoked: revoked.into_iter().map(encode::token).collect(),
        }))
    }
}

/// Makes a token and stores its hash.
async fn create(
    store: &Store,
    name: &str,
    scopes: &[Scope],
    lifetime: Option<Duration>,
) -> Result<(TokenRow, Token), Status> {
    let token = Token::random()
        .map_err(|error| Reason::Internal.status(format!("the system gives no random bytes: {error}")))?;
    let insert = async {
        let mut connection = store.requests.acquire().await?;
        token::insert(&mut connection, name, &token.hash(), scopes, lifetime).await
    };
    Ok((insert.await.map_err(of_store)?, token))
}
