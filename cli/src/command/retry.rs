//! `retry`: failed and cancelled trials of a sweep, once more.

use proto::v1::RetrySweepRequest;
use report::human;

use crate::context::Context;
use crate::coordinator::session::{self, Purpose};
use crate::failure::{Exit, Failure};

/// Arguments of `retry`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The sweep: id, unique prefix of it, name, or @last
    #[arg(value_name = "SWEEP")]
    sweep: String,
}

/// Runs the verb.
///
/// # Errors
/// When there is no such sweep, or no coordinator that has workers.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let answer = session::with(context, Purpose::Work, async |session| {
        let answer = session.client.retry_sweep(RetrySweepRequest { sweep: args.sweep.clone() }).await;
        answer.map_err(|status| session.refused(&status))
    });
    let retried = answer.await?.into_inner().retried;
    if retried == 0 {
        context.talk.say("nothing to retry: no trial has failed or was cancelled");
    } else {
        context.talk.say(format_args!("{} back in the queue", human::count(retried, "trial")));
        context.talk.next(format_args!("batchsweep watch {}", args.sweep));
    }
    Ok(Exit::Success)
}
