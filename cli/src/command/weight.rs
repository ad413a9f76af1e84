//! `weight`: a sweep's share of the workers beside others.

use domain::units::SweepWeight;
use proto::v1::WeighSweepRequest;
use report::human;

use crate::context::Context;
use crate::coordinator::session::{self, Purpose};
use crate::failure::{Exit, Failure};

/// Arguments of `weight`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The sweep: id, unique prefix of it, name, or @last
    #[arg(value_name = "SWEEP")]
    sweep: String,

    /// Its share: with 2 it runs twice as many trials at a time as a sweep with 1, which is what sweeps have
    #[arg(value_name = "WEIGHT", value_parser = parse)]
    weight: SweepWeight,
}

/// A weight as it is typed.
///
/// # Errors
/// What is allowed.
pub fn parse(text: &str) -> Result<SweepWeight, String> {
    // What is no number is out of range too.
    SweepWeight::try_new(text.parse().unwrap_or(f64::NAN))
        .map_err(|error| format!("a weight is {}", error.rule))
}

/// Runs the verb.
///
/// # Errors
/// When there is no such sweep.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let request = WeighSweepRequest { sweep: args.sweep.clone(), weight: args.weight.get() };
    let answer = session::with(context, Purpose::Stored, async |session| {
        session.client.weigh_sweep(request).await.map_err(|status| session.refused(&status))
    });
    let sweep = answer.await?.into_inner().sweep.unwrap_or_default();
    let name = if sweep.name.is_empty() { &sweep.sweep_id } else { &sweep.name };
    context.talk.say(format_args!("{name} has weight {}", human::exact(sweep.weight)));
    Ok(Exit::Success)
}
