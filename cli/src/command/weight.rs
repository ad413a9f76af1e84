//! `weight`: a sweep's share of the workers beside others.

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
    weight: f64,
}

/// A weight that a coordinator takes.
///
/// # Errors
/// What is allowed.
pub fn parse(text: &str) -> Result<f64, String> {
    let weight = text.parse().ok().filter(|weight| (0.001..=1000.0).contains(weight));
    weight.ok_or_else(|| "a weight is a number from 0.001 to 1000".to_owned())
}

/// Runs the verb.
///
/// # Errors
/// When there is no such sweep.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let request = WeighSweepRequest { sweep: args.sweep.clone(), weight: args.weight };
    let answer = session::with(context, Purpose::Stored, async |session| {
        session.client.weigh_sweep(request).await.map_err(|status| session.refused(&status))
    });
    let sweep = answer.await?.into_inner().sweep.unwrap_or_default();
    let name = if sweep.name.is_empty() { &sweep.sweep_id } else { &sweep.name };
    context.talk.say(format_args!("{name} has weight {}", human::exact(sweep.weight)));
    Ok(Exit::Success)
}
