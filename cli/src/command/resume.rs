//! `resume`: trials of a paused sweep are handed out again.

use proto::v1::ResumeSweepRequest;

use crate::context::Context;
use crate::coordinator::session::{self, Purpose};
use crate::failure::{Exit, Failure};

use super::watch;

/// Arguments of `resume`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The sweep: id, unique prefix of it, name, or @last
    #[arg(value_name = "SWEEP")]
    sweep: String,
}

/// Runs the verb.
///
/// # Errors
/// When there is no such sweep, or it cannot be resumed any more.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let answer = session::with(context, Purpose::Work, async |session| {
        let answer = session.client.resume_sweep(ResumeSweepRequest { sweep: args.sweep.clone() }).await;
        answer.map_err(|status| session.refused(&status))
    });
    let sweep = answer.await?.into_inner().sweep.unwrap_or_default();
    context.talk.say(format_args!("resumed; {}", watch::summary(sweep.counts.as_ref())));
    context.talk.next(format_args!("batchsweep watch {}", args.sweep));
    Ok(Exit::Success)
}
