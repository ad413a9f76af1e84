//! `compare`: the best cells of several sweeps side by side.

use report::compare::{self, Compared};

use crate::context::Context;
use crate::coordinator::session::{self, Purpose};
use crate::failure::{Exit, Failure};
use crate::findings::{self, Findings};
use crate::output::{self, Format, OutputArgs};
use crate::settings::settings;

/// Arguments of `compare`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The sweeps, two or more: ids, unique prefixes of them, names, or @last
    #[arg(value_name = "SWEEP", required = true, num_args = 2..)]
    sweeps: Vec<String>,

    #[command(flatten)]
    output: OutputArgs,
}

/// Runs the verb.
///
/// # Errors
/// When one of the sweeps is not there, or no coordinator.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let found = session::with(context, Purpose::Stored, async |session| {
        let mut found = Vec::new();
        for sweep in &args.sweeps {
            found.push(findings::fetch(session, sweep).await?);
        }
        Ok(found)
    })
    .await?;
    let sweeps: Vec<Compared> =
        found.iter().zip(&args.sweeps).map(|(own, typed)| compared(own, typed, &found)).collect();
    output::table(args.output.format, &compare::table(&sweeps), |_| compare::sheet(&sweeps))?;
    if args.output.format == Format::Table {
        let remarks = compare::remarks(&sweeps);
        if !remarks.is_empty() {
            context.talk.say("");
        }
        remarks.iter().for_each(|remark| context.talk.warn(remark));
    }
    Ok(Exit::Success)
}

/// A sweep by its name; by what was typed where it has none, or another one of these has the same.
fn compared(own: &Findings, typed: &str, all: &[Findings]) -> Compared {
    let is_alone = all.iter().filter(|other| other.sweep.name == own.sweep.name).count() == 1;
    let name = if is_alone && !own.sweep.name.is_empty() { own.sweep.name.clone() } else { typed.to_owned() };
    Compared {
        name,
        sweep_id: own.sweep.sweep_id.clone(),
        settings: own.settings.as_ref().map(settings).unwrap_or_default(),
        analysis: own.analysis.clone(),
    }
}
