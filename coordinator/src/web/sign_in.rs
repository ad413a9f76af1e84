//! From a token to a cookie, and back. A link may bring a token that works once: it stands behind the `#`, which browsers
//! send nobody, and the page's script posts it as if it had been typed.

use axum::Form;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::header::{ORIGIN, SET_COOKIE};
use axum::http::{Extensions, HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use proto::Token;
use serde::Deserialize;
use std::time::Duration;

use super::Web;
use super::guard::{self, cookie_name, of_token};
use super::layout::{Place, page};
use super::refusal::Refusal;
use crate::access::Peer;

/// How long a browser keeps the cookie: 30 days. The token itself may end sooner.
const MAX_AGE: Duration = Duration::from_secs(30 * 24 * 3_600);

/// Where to go afterwards.
#[derive(Debug, Default, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    next: String,
}

/// What the form sends.
#[derive(Deserialize)]
pub struct Filled {
    token: String,
    #[serde(default)]
    next: String,
}

pub async fn form(State(web): State<Web>, Query(wanted): Query<Wanted>) -> Response {
    if web.authenticator.is_none() {
        return Redirect::to("/").into_response();
    }
    page(&Place::nowhere("Sign in"), &fields(&wanted.next, None)).into_response()
}

/// Checks the token as for an RPC, and keeps it in a cookie that no script sees and no other site makes a browser send.
pub async fn sign_in(
    State(web): State<Web>,
    extensions: Extensions,
    headers: HeaderMap,
    Form(filled): Form<Filled>,
) -> Response {
    let Some(authenticator) = &web.authenticator else { return Redirect::to("/").into_response() };
    let again = |status, problem: &str| {
        (status, page(&Place::nowhere("Sign in"), &fields(&filled.next, Some(problem)))).into_response()
    };
    let Some(token) = Token::parse(filled.token.trim()) else {
        return again(StatusCode::UNAUTHORIZED, "this is no token");
    };
    let peer = extensions.get::<ConnectInfo<Peer>>().map(|peer| peer.0.0);
    let refused = |status: tonic::Status| {
        let code = Refusal::of(&status).status;
        again(code, status.message())
    };
    let token = match authenticator.trade(&token, peer, MAX_AGE).await {
        Ok(Some(traded)) => traded,
        Ok(None) => match of_token(authenticator, &token, peer).await {
            Ok(_) => token,
            Err(status) => return refused(status),
        },
        Err(status) => return refused(status),
    };
    // A cookie's value has no room for some of the characters that a token may have.
    if token.expose().contains([';', ',', '"', '\\']) {
        return again(StatusCode::UNAUTHORIZED, "this token does not fit into a cookie");
    }
    let is_https = headers.get(ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https:"));
    let cookie = cookie(&cookie_name(&headers), token.expose(), MAX_AGE, is_https);
    ([(SET_COOKIE, cookie)], Redirect::to(own(&filled.next))).into_response()
}

/// Forgets the token; one that a link brought ends with it.
pub async fn sign_out(State(web): State<Web>, headers: HeaderMap) -> Result<Response, Refusal> {
    let kept = guard::cookie(&headers).and_then(|text| Token::parse(&text));
    if let (Some(authenticator), Some(kept)) = (&web.authenticator, kept) {
        authenticator.give_back(&kept).await.map_err(|status| Refusal::of(&status))?;
    }
    let gone = cookie(&cookie_name(&headers), "", Duration::ZERO, false);
    Ok(([(SET_COOKIE, gone)], Redirect::to("/sign-in")).into_response())
}

fn cookie(name: &str, value: &str, max_age: Duration, is_https: bool) -> String {
    let (secure, max_age) = (if is_https { "; Secure" } else { "" }, max_age.as_secs());
    format!("{name}={value}; HttpOnly; SameSite=Strict; Path=/; Max-Age={max_age}{secure}")
}

/// A path of ours, never another site: `//` and `/\` begin one.
fn own(next: &str) -> &str {
    let is_own = next.starts_with('/')
        && !next.starts_with("//")
        && next.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_@.".contains(&byte));
    if is_own { next } else { "/" }
}

fn fields(next: &str, problem: Option<&str>) -> Markup {
    html! {
        div.notice {
            h1 { "Sign in" }
            p { "This coordinator asks for a token. Looking takes one with scope " code { "read" } ", steering one with " code { "submit" } "." }
            @if let Some(problem) = problem { p.problem role="alert" { (problem) } }
            form.sign-in #sign-in method="post" action="/sign-in" {
                label for="token" { "Token" }
                input #token name="token" type="password" autocomplete="off" spellcheck="false" required autofocus;
                input type="hidden" name="next" value=(own(next));
                button { "Sign in" }
            }
            p.note { "Of a stack that " code { "batchsweep up" } " or " code { "run" } " started, " code { "batchsweep status" } " prints a link that signs in; \
                      its token is in the file " code { "token" } " of its state folder. Elsewhere whoever runs the coordinator makes one with "
                      code { "batchsweep-coordinator token create" } "." }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        assert_eq!(own("/sweeps/seed"), "/sweeps/seed");
        for next in ["", "https://evil.example", "//evil.example", "/\\evil.example", "/a\r\nb", "/a?b"] {
            assert_eq!(own(next), "/", "{next}");
        }
    }
}
