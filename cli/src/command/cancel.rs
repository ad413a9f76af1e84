//! `cancel`: the end of a sweep.

use proto::v1::CancelSweepRequest;

use crate::context::Context;
use crate::coordinator::session::{self, Purpose};
use crate::failure::{Exit, Failure};

use super::watch;

/// Arguments of `cancel`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The sweep: id, unique prefix of it, name, or @last
    #[arg(value_name = "SWEEP")]
    sweep: String,

    /// Let running trials finish and keep their results
    #[arg(long)]
    drain: bool,
}

/// Runs the verb.
///
/// # Errors
/// When there is no such sweep, or no coordinator.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let answer = session::with(context, Purpose::Stored, async |session| {
        let request = CancelSweepRequest { sweep: args.sweep.clone(), drain: args.drain };
        session.client.cancel_sweep(request).await.map_err(|status| session.refused(&status))
    });
    let sweep = answer.await?.into_inner().sweep.unwrap_or_default();
    context.talk.say(format_args!("cancelled; {}", watch::summary(sweep.counts.as_ref())));
    context.talk.next(format_args!("batchsweep results {}", args.sweep));
    Ok(Exit::Success)
}
