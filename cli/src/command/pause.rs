//! `pause`: no further trial of a sweep is handed out.

use proto::v1::PauseSweepRequest;

use crate::context::Context;
use crate::coordinator::session::{self, Purpose};
use crate::failure::{Exit, Failure};

use super::watch;

/// Arguments of `pause`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The sweep: id, unique prefix of it, name, or @last
    #[arg(value_name = "SWEEP")]
    sweep: String,
}

/// Runs the verb.
///
/// # Errors
/// When there is no such sweep, or it cannot be paused any more.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let answer = session::with(context, Purpose::Stored, async |session| {
        let answer = session.client.pause_sweep(PauseSweepRequest { sweep: args.sweep.clone() }).await;
        answer.map_err(|status| session.refused(&status))
    });
    let sweep = answer.await?.into_inner().sweep.unwrap_or_default();
    context.talk.say(format_args!("paused; {}", watch::summary(sweep.counts.as_ref())));
    context.talk.next(format_args!("batchsweep resume {}", args.sweep));
    Ok(Exit::Success)
}
