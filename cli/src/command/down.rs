//! `down`: the local stack, stopped. Its database stays.

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::local::stopping;

/// Arguments of `down`.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Args {}

/// Runs the verb.
///
/// # Errors
/// When a process does not end.
pub async fn run(_args: Args, context: &Context) -> Result<Exit, Failure> {
    let state = context.state_dir()?;
    if stopping::everything(&state, context.talk).await? {
        context.talk.say(format_args!("stopped; sweeps and results stay in {}", state.path().display()));
        context.talk.next("batchsweep up");
    } else {
        context.talk.say(format_args!("nothing runs in {}", state.path().display()));
    }
    Ok(Exit::Success)
}
