//! A link that signs a browser in to the web page of the local stack.

use std::io::IsTerminal;

use domain::access::{SIGN_IN, Scope};
use proto::v1::CreateTokenRequest;

use crate::context::Context;
use crate::coordinator::address::{Address, Origin};
use crate::coordinator::{client, credentials, refusal};
use crate::failure::Failure;
use crate::talk::Talk;

/// How long a link waits to be followed, in seconds.
const LIFETIME: i64 = 600;

/// Says where the page is: on a terminal with a link that signs a browser in once, elsewhere the bare address, as what is
/// written elsewhere is read by others.
/// Nothing more important fails with it.
pub async fn tell(context: &Context, coordinator: &str, page: &str, path: &str) {
    if page.is_empty() || context.talk == Talk::Quiet {
        return;
    }
    let bare = format!("{page}{path}");
    if !std::io::stderr().is_terminal() {
        return context.talk.say(format_args!("live page: {bare}"));
    }
    let address = Address { url: coordinator.to_owned(), origin: Origin::LocalStack };
    match link(context, &address, page, path).await {
        Ok(link) => {
            context.talk.say(format_args!("live page: {link}"));
            context.talk.detail(
                "the link signs a browser in once, within ten minutes; `batchsweep status` makes another",
            );
        }
        Err(failure) => {
            context.talk.say(format_args!("live page: {bare}"));
            context.talk.detail(format_args!("there is no link that signs in: {}", failure.message));
        }
    }
}

/// A link that signs a browser in once. What counts stands behind the `#`: browsers send that to nobody.
async fn link(context: &Context, address: &Address, page: &str, path: &str) -> Result<String, Failure> {
    let credentials = credentials::of(context, address)?;
    let mut client = client::connect_for_tokens(address, &credentials).await?;
    let request = CreateTokenRequest {
        name: SIGN_IN.to_owned(),
        scopes: [Scope::Read, Scope::Submit].map(|scope| scope.to_string()).to_vec(),
        lifetime: Some(prost_types::Duration { seconds: LIFETIME, nanos: 0 }),
    };
    let made = client.create_token(request).await.map_err(|status| refusal::failure(&status, address))?;
    Ok(linked(page, path, &made.into_inner().token))
}

fn linked(page: &str, path: &str, code: &str) -> String {
    let next = if path.is_empty() { String::new() } else { format!("?next={path}") };
    format!("{page}/sign-in{next}#{code}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_keeps_its_code_behind_the_hash() {
        assert_eq!(
            linked("http://127.0.0.1:1", "/sweeps/a", "c"),
            "http://127.0.0.1:1/sign-in?next=/sweeps/a#c"
        );
        assert_eq!(linked("http://127.0.0.1:1", "", "c"), "http://127.0.0.1:1/sign-in#c");
    }
}
