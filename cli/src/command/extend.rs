//! `extend`: more cells for a sweep, of which only those are trained that it has not got.

use domain::spec::GridSpec;
use proto::v1::{ExtendSweepRequest, GetSweepRequest};
use proto::{Wire, WireError};
use report::human;

use crate::context::Context;
use crate::coordinator::session::{self, Purpose};
use crate::failure::{Exit, Failure};
use crate::spec_args::tell_all;
use crate::spec_file;

/// Arguments of `extend`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The sweep: id, unique prefix of it, name, or @last
    #[arg(value_name = "SWEEP")]
    sweep: String,

    /// Values of an axis, such as grid.learning_rate='[1.0, 3.0]'; may be repeated. Axes that are left out have those of the sweep
    #[arg(long, value_name = "KEY=VALUE", required = true)]
    set: Vec<String>,
}

/// Runs the verb.
///
/// # Errors
/// For a mistake in the arguments, when there is no such sweep, and when it cannot grow so.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let (added, has_workers) = session::with(context, Purpose::Stored, async |session| {
        let refused = |status| session.refused(&status);
        let mut client = session.client.clone();
        let request = GetSweepRequest { sweep: args.sweep.clone() };
        let sweep = client.get_sweep(request).await.map_err(refused)?.into_inner().sweep.unwrap_or_default();
        let wanted = spec_file::extension(&grid(sweep.spec)?, &args.set)
            .map_err(|mistakes| tell_all("the arguments", &mistakes, "nothing was added"))?;
        let request = ExtendSweepRequest { sweep: sweep.sweep_id, grid: Some(wanted.to_wire()) };
        let answer = client.extend_sweep(request).await.map_err(refused)?.into_inner();
        let lack = session.presence.lack(&session.client, &answer.sweep.unwrap_or_default()).await;
        Ok((answer.added, lack.is_none()))
    })
    .await?;
    if added == 0 {
        context.talk.say("nothing to add: the sweep has all of these cells");
        return Ok(Exit::Success);
    }
    context.talk.say(format_args!("added {}", human::count(added, "trial")));
    let verb = if has_workers { "watch" } else { "run --resume" };
    context.talk.next(format_args!("batchsweep {verb} {}", args.sweep));
    Ok(Exit::Success)
}

fn grid(spec: Option<proto::v1::SweepSpec>) -> Result<GridSpec, Failure> {
    let grid = spec.unwrap_or_default().grid.unwrap_or_default();
    let unreadable =
        |error: WireError| Failure::failed(format!("the sweep's grid is of another version: {error}"));
    GridSpec::from_wire(grid).map_err(unreadable)
}
