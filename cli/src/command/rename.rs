//! `rename`: another name for a sweep.

use domain::spec::{NAME_RULE, is_name};
use proto::v1::RenameSweepRequest;

use crate::context::Context;
use crate::coordinator::session::{self, Purpose};
use crate::failure::{Exit, Failure};

/// Arguments of `rename`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The sweep: id, unique prefix of it, name, or @last
    #[arg(value_name = "SWEEP")]
    sweep: String,

    /// Its name from now on: lower-case letters, digits and hyphens
    #[arg(value_name = "NAME", value_parser = name)]
    name: String,
}

/// A name, or a tag, as it is typed.
///
/// # Errors
/// What it is made of.
pub fn name(text: &str) -> Result<String, String> {
    if is_name(text) { Ok(text.to_owned()) } else { Err(format!("use {NAME_RULE}")) }
}

/// Runs the verb.
///
/// # Errors
/// When there is no such sweep.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let answer = session::with(context, Purpose::Stored, async |session| {
        let request = RenameSweepRequest { sweep: args.sweep.clone(), name: args.name.clone() };
        session.client.rename_sweep(request).await.map_err(|status| session.refused(&status))
    });
    let sweep = answer.await?.into_inner().sweep.unwrap_or_default();
    context.talk.say(format_args!("{} is called {}", sweep.sweep_id, sweep.name));
    Ok(Exit::Success)
}
