//! `best`: what to train with.

use report::best;
use serde_json::json;

use crate::analysis;
use crate::conclusion;
use crate::context::Context;
use crate::coordinator::session::{self, Purpose};
use crate::failure::{Exit, Failure};
use crate::output::{self, Format, OutputArgs};

/// Arguments of `best`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The sweep: id, unique prefix of it, name, or @last
    #[arg(value_name = "SWEEP")]
    sweep: String,

    #[command(flatten)]
    output: OutputArgs,
}

/// Runs the verb.
///
/// # Errors
/// When there is no such sweep, or no coordinator.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let analyzed =
        session::with(context, Purpose::Stored, async |session| analysis::fetch(session, &args.sweep).await)
            .await?;
    let analysis = &analyzed.gathered.analysis;
    match args.output.format {
        Format::Csv => output::text(&report::csv::render(&best::table(analysis)))?,
        Format::Json => {
            let mut object = json!({
                "sweep_id": analyzed.sweep.sweep_id,
                "sweep_name": Some(&analyzed.sweep.name).filter(|name| !name.is_empty()),
            });
            if let (Some(whole), serde_json::Value::Object(rest)) =
                (object.as_object_mut(), best::object(analysis))
            {
                whole.extend(rest);
            }
            output::text(&format!("{object:#}\n"))?;
        }
        Format::Table => {
            output::text(&best::sheet(analysis).render(output::look()))?;
            output::text("\n")?;
            output::text(&report::conclusion::render(&analysis.conclusion, output::look()))?;
            conclusion::warn(&analysis.warnings, usize::MAX, analyzed.name(), context.talk);
            conclusion::advise(&analyzed, context.talk);
        }
    }
    Ok(Exit::Success)
}
