//! Who may see a page: the same tokens and scopes as for RPCs, shown by a cookie. And which requests a browser sends
//! because some other site wants it to.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use domain::access::Scope;
use proto::{Reason, Token};

use super::refusal::Refusal;
use crate::access::Peer;
use crate::access::authenticator::Authenticator;
use crate::access::{Caller, Principal};

/// The cookie that holds the token, where the address names no port.
const COOKIE_NAME: &str = "batchsweep_token";

/// What pages may load and where forms go: here.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// What stands before a group of pages.
#[derive(Debug, Clone)]
pub struct Door {
    /// Who knows the tokens; `None` at a coordinator that asks for none.
    pub authenticator: Option<Arc<Authenticator>>,
    /// What a token must allow.
    pub scope: Scope,
}

/// Lets a request through with its [`Caller`]; sends people without a token to the form that takes one.
pub async fn admit(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let caller = match &door.authenticator {
        None => Caller::Anybody,
        Some(authenticator) => match principal(authenticator, request.headers(), peer(&request)).await {
            Ok(principal) if principal.may(door.scope) => Caller::Principal(principal),
            Ok(principal) => return missing_scope(&principal, door.scope).into_response(),
            Err(status) if is_for_people(&request) && is_about_the_token(&status) => {
                let to = sign_in_for(&request);
                return Redirect::to(&to).into_response();
            }
            Err(status) => return Refusal::of(&status).into_response(),
        },
    };
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// Who holds the token of the cookie, or of an `authorization` header for scripts.
pub async fn principal(
    authenticator: &Authenticator,
    headers: &HeaderMap,
    peer: Option<IpAddr>,
) -> Result<Principal, tonic::Status> {
    if headers.contains_key(AUTHORIZATION) {
        return authenticator.principal(headers, peer).await;
    }
    let token = cookie(headers).and_then(|text| Token::parse(&text)).ok_or_else(|| {
        Reason::TokenMissing.status("this coordinator asks for a token, and the request carries none")
    })?;
    of_token(authenticator, &token, peer).await
}

/// Who holds this token.
pub async fn of_token(
    authenticator: &Authenticator,
    token: &Token,
    peer: Option<IpAddr>,
) -> Result<Principal, tonic::Status> {
    let mut headers = HeaderMap::new();
    let value = HeaderValue::from_str(&format!("Bearer {}", token.expose()));
    let value = value.map_err(|_| Reason::TokenInvalid.status("this is no token"))?;
    headers.insert(AUTHORIZATION, value);
    authenticator.principal(&headers, peer).await
}

/// The name of the cookie. Browsers keep one set of cookies for all ports of a host, and on one machine several
/// coordinators may be open at once.
pub fn cookie_name(headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    match host.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok()) {
        Some(port) => format!("{COOKIE_NAME}_{port}"),
        None => COOKIE_NAME.to_owned(),
    }
}

/// The token that a browser shows.
pub fn cookie(headers: &HeaderMap) -> Option<String> {
    let wanted = cookie_name(headers);
    let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned())
}

/// The address of the other end.
pub fn peer(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<ConnectInfo<Peer>>().map(|info| info.0.0)
}

fn is_for_people(request: &Request) -> bool {
    let path = request.uri().path();
    request.method() == Method::GET && !path.ends_with("/pieces") && !path.ends_with("/events")
}

fn is_about_the_token(status: &tonic::Status) -> bool {
    let reasons = [Reason::TokenMissing, Reason::TokenInvalid, Reason::TokenExpired, Reason::TokenRevoked];
    Reason::of(status).is_some_and(|reason| reasons.contains(&reason))
}

fn sign_in_for(request: &Request) -> String {
    let wanted = request.uri().path();
    if wanted == "/" { "/sign-in".to_owned() } else { format!("/sign-in?next={wanted}") }
}

fn missing_scope(principal: &Principal, needed: Scope) -> Refusal {
    Refusal {
        status: StatusCode::FORBIDDEN,
        title: "Not allowed",
        message: format!(
            "This needs a token with scope `{needed}`, and the token of `{}` has another. Ask whoever runs the coordinator for \
             one: batchsweep-coordinator token create {} --scope {needed}",
            principal.name, principal.name
        ),
    }
}

/// Refuses what another site makes a browser send: a name that was turned to point here where no token is asked for, and
/// any change that does not come from a page of ours.
pub async fn check_origin(State(is_guarded): State<bool>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    // Without a token, the name in the address bar is all that tells our pages from those of a site whose name was made to
    // point at this machine. Such a site needs a name; an address cannot be turned.
    if !is_guarded && !is_address(host) {
        return Refusal {
            status: StatusCode::MISDIRECTED_REQUEST,
            title: "Not this name",
            message: "A coordinator that asks for no token answers to localhost and to addresses only, so that no other site can \
                      make a browser ask it. Open it by its address."
                .to_owned(),
        }
        .into_response();
    }
    if request.method() != Method::GET && request.method() != Method::HEAD && !is_own(headers, host) {
        return Refusal {
            status: StatusCode::FORBIDDEN,
            title: "Not from here",
            message: "This request did not come from a page of this coordinator, so nothing was done."
                .to_owned(),
        }
        .into_response();
    }
    next.run(request).await
}

/// Whether the host of a URL is localhost or an address.
fn is_address(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

/// Whether a request was made by one of our own pages: every browser says where a form that is posted stood.
fn is_own(headers: &HeaderMap, host: &str) -> bool {
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    match origin.and_then(|origin| origin.split_once("://")) {
        Some((_, origin)) => origin == host,
        // A script with a token of its own is no browser that was tricked.
        None => origin.is_none() && headers.contains_key(AUTHORIZATION),
    }
}

/// What every answer says about itself.
pub async fn with_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // The origin of a posted form is told to nobody with `no-referrer`, not even to us.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_localhost_and_addresses_cannot_be_turned() {
        for host in ["localhost", "localhost:7080", "127.0.0.1:7080", "[::1]:7080", "192.0.2.7"] {
            assert!(is_address(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:7080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "[x]:1",
        ] {
            assert!(!is_address(host), "{host}");
        }
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_static("a=b; batchsweep_token=bst_1; c=d"));
        assert_eq!(cookie(&headers).as_deref(), Some("bst_1"));
        headers.insert(HOST, HeaderValue::from_static("sweeps.example"));
        assert_eq!(cookie(&headers).as_deref(), Some("bst_1"));
    }

    #[test]
    fn coordinators_of_one_machine_do_not_take_each_others_cookies() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("127.0.0.1:7081"));
        headers
            .insert(COOKIE, HeaderValue::from_static("batchsweep_token_7080=bst_1; batchsweep_token=bst_2"));
        assert_eq!(cookie(&headers), None);
        headers.append(COOKIE, HeaderValue::from_static("batchsweep_token_7081=bst_3"));
        assert_eq!(cookie(&headers).as_deref(), Some("bst_3"));
    }
}
