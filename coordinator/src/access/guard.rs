//! The layer in front of all services. What it lets through carries its [`Caller`]; what it refuses never reaches a
//! handler.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use domain::access::Scope;
use http_body_util::Limited;
use proto::Reason;
use tokio::sync::Semaphore;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};
use tower::{Layer, Service};

use super::authenticator::Authenticator;
use super::connections::Connection;
use super::methods::{self, Access};
use super::whole::Shares;
use super::{Caller, Principal};

type Request = http::Request<Body>;
type Head = http::request::Parts;
type Response = http::Response<Body>;

/// Puts a [`Guard`] in front of services.
#[derive(Debug, Clone)]
pub struct GuardLayer {
    /// Who knows the tokens; `None` at a coordinator that asks for none.
    pub authenticator: Option<Arc<Authenticator>>,
    /// What messages take that are on their way.
    pub shares: Shares,
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard { inner, authenticator: self.authenticator.clone(), shares: self.shares.clone() }
    }
}

/// Lets calls through to the services behind it, or refuses them.
#[derive(Debug, Clone)]
pub struct Guard<S> {
    inner: S,
    authenticator: Option<Arc<Authenticator>>,
    shares: Shares,
}

impl<S> Service<Request> for Guard<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // The one that is ready serves this call; its clone gets ready for the next.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let (authenticator, shares) = (self.authenticator.clone(), self.shares.clone());
        Box::pin(async move {
            let (mut head, body) = request.into_parts();
            match admit(authenticator.as_deref(), &head).await {
                Ok(_) if is_open(&head) => {
                    Ok(with_reason(answer_anybody(inner, Request::from_parts(head, body)).await?))
                }
                Ok(caller) => {
                    if let Some(connection) = head.extensions.get::<Connection>() {
                        connection.note_call();
                    }
                    let (body, _share) = if methods::is_streamed(head.uri.path()) {
                        (body, None)
                    } else {
                        match shares.take_in(&caller, body).await {
                            Ok((body, share)) => (body, Some(share)),
                            Err(status) => return Ok(with_reason(status.into_http())),
                        }
                    };
                    head.extensions.insert(caller);
                    Ok(with_reason(inner.call(Request::from_parts(head, body)).await?))
                }
                Err(status) => {
                    let peer = peer(&head).map(|peer| peer.to_string()).unwrap_or_default();
                    tracing::info!(peer, path = head.uri.path(), "refused: {}", status.message());
                    Ok(status.into_http())
                }
            }
        })
    }
}

fn is_open(head: &Head) -> bool {
    methods::access(head.uri.path()) == Some(Access::Open)
}

/// What nobody needs a token for is small, comes at once, and is asked by few at a time.
async fn answer_anybody<S>(mut inner: S, request: Request) -> Result<Response, S::Error>
where
    S: Service<Request, Response = Response>,
{
    const MOST_BYTES: usize = 64 << 10;
    const PATIENCE: Duration = Duration::from_secs(10);
    static TURNS: Semaphore = Semaphore::const_new(64);
    let refused = |why: &str| Ok(Reason::LimitExceeded.status(why).into_http());
    let Ok(_turn) = TURNS.try_acquire() else {
        return refused("too many such calls at once; try again in a moment");
    };
    let (mut head, body) = request.into_parts();
    head.extensions.insert(Caller::Anybody);
    let request = Request::from_parts(head, Body::new(Limited::new(body, MOST_BYTES)));
    match tokio::time::timeout(PATIENCE, inner.call(request)).await {
        Ok(answered) => answered,
        Err(_) => refused("the message did not come within 10 s"),
    }
}

async fn admit(authenticator: Option<&Authenticator>, head: &Head) -> Result<Caller, Status> {
    let path = head.uri.path();
    let access = methods::access(path);
    // Also on a connection too many: a busy coordinator is not a dead one.
    if access == Some(Access::Open) {
        return Ok(Caller::Anybody);
    }
    if let Some(connection) = head.extensions.get::<Connection>() {
        connection.check()?;
    }
    let Some(authenticator) = authenticator else { return Ok(Caller::Anybody) };
    let principal = authenticator.principal(&head.headers, peer(head).map(|peer| peer.ip())).await?;
    match access {
        Some(Access::Open | Access::AnyToken) => Ok(Caller::Principal(principal)),
        Some(Access::Scope(needed)) if principal.may(needed) => Ok(Caller::Principal(principal)),
        Some(Access::Scope(needed)) => Err(missing_scope(&principal, needed, path)),
        None => Err(Reason::MissingScope
            .status(format!("no token allows {path}: this coordinator has no such method"))),
    }
}

fn peer(head: &Head) -> Option<SocketAddr> {
    head.extensions.get::<Connection>()?.peer
}

fn missing_scope(principal: &Principal, needed: Scope, path: &str) -> Status {
    let method = path.rsplit('/').next().unwrap_or(path);
    let held: Vec<_> = principal.scopes.iter().map(|scope| format!("`{scope}`")).collect();
    let message = format!(
        "{method} needs a token with scope `{needed}`; the token of `{}` has {}\nhint: ask whoever runs the coordinator \
         for one: batchsweep-coordinator token create {} --scope {needed}",
        principal.name,
        held.join(" and "),
        principal.name,
    );
    Reason::MissingScope.status_about(
        message,
        ErrorDetails::new(),
        &[("scope", needed.word()), ("method", method)],
    )
}

/// A message that is too large, or none at all, is refused by tonic before any handler sees it, without a reason of ours.
fn with_reason(response: Response) -> Response {
    let Some(status) = Status::from_header_map(response.headers()) else { return response };
    if status.get_details_error_info().is_some() {
        return response;
    }
    match status.code() {
        Code::OutOfRange => {
            let limit = proto::MAX_MESSAGE_BYTES >> 20;
            let message = format!("a message may have {limit} MiB: {}", status.message());
            Reason::LimitExceeded.status(message).into_http()
        }
        Code::Internal => {
            Reason::InvalidRequest.status(format!("this is no message: {}", status.message())).into_http()
        }
        _ => response,
    }
}
