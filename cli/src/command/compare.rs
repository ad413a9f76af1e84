//! `compare`: the best cells of several sweeps side by side.

use report::compare::{self, Compared};

use crate::analysis::{self, AnalyzedSweep};
use crate::context::Context;
use crate::coordinator::session::{self, Purpose};
use crate::failure::{Exit, Failure};
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
            found.push(analysis::fetch(session, sweep).await?);
        }
        Ok(found)
    })
    .await?;
    let sweeps: Vec<Compared> =
        found.iter().zip(&args.sweeps).map(|(own, typed)| compared(own, typed, &found)).collect();
    let table = compare::table(&sweeps);
    match args.output.format {
        Format::Json => output::text(&report::json::render(&table))?,
        Format::Csv => output::text(&report::csv::render(&table))?,
        Format::Table => {
            let look = output::look();
            let sheets = compare::sheets(&sweeps, look.width);
            let texts: Vec<String> = sheets.iter().map(|sheet| sheet.render(look)).collect();
            output::text(&texts.join("\n"))?;
        }
    }
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
fn compared(own: &AnalyzedSweep, typed: &str, all: &[AnalyzedSweep]) -> Compared {
    let is_alone = all.iter().filter(|other| other.sweep.name == own.sweep.name).count() == 1;
    let name = if is_alone && !own.sweep.name.is_empty() { own.sweep.name.clone() } else { typed.to_owned() };
    Compared {
        name,
        sweep_id: own.sweep.sweep_id.clone(),
        settings: own.settings.as_ref().map(settings).unwrap_or_default(),
        analysis: own.gathered.analysis.clone(),
    }
}
