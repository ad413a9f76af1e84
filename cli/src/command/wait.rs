//! `wait`: until a sweep ends, for scripts. The exit code says how it ended.

use std::time::Duration;

use crate::context::Context;
use crate::coordinator::session::{self, Purpose};
use crate::display::Display;
use crate::failure::{Exit, Failure};
use crate::{durations, follow};

use super::watch;

/// Arguments of `wait`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The sweep: id, unique prefix of it, name, or @last
    #[arg(value_name = "SWEEP")]
    sweep: String,

    /// Give up waiting after so long, such as 90s or 2h, with exit code 124; the sweep goes on
    #[arg(long, value_name = "DURATION", value_parser = durations::parse)]
    timeout: Option<Duration>,
}

/// Runs the verb.
///
/// # Errors
/// When there is no such sweep, no coordinator, or the time is up.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let outcome = session::with(context, Purpose::Stored, async |session| {
        let display = Display::notes(context.talk);
        let last = watch::until_end(session, &args.sweep, args.timeout, display).await?;
        context.talk.detail(watch::summary(last.counts.as_ref()));
        watch::tell_set_aside(&last, "", context.talk);
        Ok(follow::exit(&last))
    });
    watch::tell_detached(outcome.await, &args.sweep, context)
}
