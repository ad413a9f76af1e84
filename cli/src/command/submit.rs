//! `submit`: a sweep, to a coordinator.

use std::time::Duration;

use domain::units::SweepWeight;
use report::human;

use crate::context::Context;
use crate::coordinator::address::Origin;
use crate::coordinator::session::{self, Purpose};
use crate::coordinator::sign_in;
use crate::display::trials;
use crate::failure::{Exit, Failure};
use crate::local::record::Record;
use crate::spec_args::SpecArgs;
use crate::spec_file::Readers;
use crate::{durations, output, submission};

use super::{watch, weight};

/// Arguments of `submit`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    spec: SpecArgs,

    /// Its share of the workers beside other sweeps [default: 1]
    #[arg(long, value_name = "WEIGHT", value_parser = weight::parse)]
    weight: Option<SweepWeight>,

    /// Watch the sweep until it ends
    #[arg(long)]
    wait: bool,

    /// With --wait: give up watching after so long, such as 90s or 2h; the sweep goes on
    #[arg(long, value_name = "DURATION", value_parser = durations::parse, requires = "wait")]
    timeout: Option<Duration>,
}

/// Runs the verb.
///
/// # Errors
/// For a bad sweep file, and when no coordinator takes it.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let spec = args.spec.load(Readers::Workers)?;
    let mut submitted = String::new();
    let outcome = session::with(context, Purpose::Work, async |session| {
        let sweep = submission::submit(session, &spec, args.weight, context.talk).await?;
        output::text(&format!("{}\n", sweep.sweep_id))?;
        submitted.clone_from(&sweep.sweep_id);
        context
            .talk
            .say(format_args!("submitted {}", human::count(trials(sweep.counts.as_ref()).0, "trial")));
        if session.address.origin == Origin::LocalStack {
            let record = Record::load(&context.state_dir()?);
            let path = format!("/sweeps/{}", sweep.sweep_id);
            sign_in::tell(context, &record.url, &record.page, &path).await;
        }
        if args.wait {
            return watch::follow(session, &sweep.sweep_id, args.timeout, context).await;
        }
        context.talk.next(format_args!("batchsweep watch {}", sweep.sweep_id));
        Ok(Exit::Success)
    })
    .await;
    watch::tell_detached(outcome, &submitted, context)
}
