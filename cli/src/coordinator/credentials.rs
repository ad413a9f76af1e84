//! What a coordinator is trusted by and shown.

use std::path::PathBuf;

use proto::connection::pem::PemError;
use proto::connection::{CredentialError, CredentialFiles, Credentials};
use proto::token::TokenFileError;

use crate::context::Context;
use crate::coordinator::address::{Address, Origin};
use crate::failure::Failure;
use crate::local::record::Record;

/// The credentials for this coordinator. The stack on this machine has a token of its own; whatever else was named is
/// meant for other coordinators.
///
/// # Errors
/// When a file cannot be read, or holds something else.
pub fn of(context: &Context, address: &Address) -> Result<Credentials, Failure> {
    let own = own_stack_token(context, address);
    let files = match (&own, address.origin) {
        (Some(token), _) => CredentialFiles { token: Some(token), ..CredentialFiles::default() },
        // One that an earlier version started asks for none.
        (None, Origin::LocalStack) => CredentialFiles::default(),
        (None, _) => CredentialFiles {
            token: context.globals.token_file.as_deref(),
            ca: context.globals.ca_file.as_deref(),
            client_cert: context.globals.client_cert.as_deref(),
            client_key: context.globals.client_key.as_deref(),
        },
    };
    Credentials::read(files).map_err(|error| unusable(&error))
}

/// The token of the stack in the state folder, where the address is that stack's: also where somebody copied it from
/// what `up` says.
fn own_stack_token(context: &Context, address: &Address) -> Option<PathBuf> {
    let state = context.state_dir().ok()?;
    let is_copied = || {
        let record = Record::load(&state);
        context.globals.token_file.is_none() && record.coordinator.is_some() && record.url == address.url
    };
    let is_own = address.origin == Origin::LocalStack || is_copied();
    is_own.then(|| state.token()).filter(|token| token.exists())
}

/// Credentials that cannot be used.
#[must_use]
pub fn unusable(error: &CredentialError) -> Failure {
    match error {
        CredentialError::Token(TokenFileError::Unreadable { .. })
        | CredentialError::Pem(PemError::Unreadable { .. }) => Failure::failed(plain(&error.to_string())),
        _ => Failure::usage(error.to_string()),
    }
}

/// The operating system's words without Rust's ` (os error 2)`.
fn plain(text: &str) -> String {
    text.find(" (os error").map_or(text, |end| &text[..end]).to_owned()
}
