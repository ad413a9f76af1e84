//! `model check`: whether a scripted module can be trained, before a sweep is made of it.

use std::path::PathBuf;
use std::time::Duration;

use proto::v1::{Accumulation, CheckModule, CheckedModule};
use report::{Column, ColumnKind, Table, human, rows};

use super::up;
use crate::context::Context;
use crate::durations;
use crate::failure::{Exit, Failure};
use crate::local::programs;
use crate::output::{self, Format, OutputArgs};
use crate::trainer::{Trainer, TrainerOptions};

/// Arguments of `model`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

/// What to do with it.
#[derive(Debug, Clone, clap::Subcommand)]
enum Action {
    /// Load a TorchScript file, run it once, and print what is in it
    Check(CheckArgs),
}

/// Arguments of `model check`.
#[derive(Debug, Clone, clap::Args)]
struct CheckArgs {
    /// The file, as torch.jit.save wrote it
    file: PathBuf,

    /// Shape of one example, such as 3,32,32 [default: guessed from the first weight]
    #[arg(long, value_name = "SHAPE", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..))]
    input: Vec<u64>,

    /// Where to run it: cpu, or a GPU such as cuda:0
    #[arg(long, value_name = "DEVICE", default_value = "cpu", value_parser = up::parse_device)]
    device: String,

    /// Give up where the module has not returned for so long, such as 30s or 5m
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = durations::parse)]
    timeout: Duration,

    #[command(flatten)]
    output: OutputArgs,
}

/// Runs the verb.
///
/// # Errors
/// With what keeps the module from being trained.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let Action::Check(args) = &args.action;
    let path = std::path::absolute(&args.file).unwrap_or_else(|_| args.file.clone());
    let options = TrainerOptions {
        device: args.device.clone(),
        is_hosted: false,
        python: None,
        memory_limit: None,
        patience: args.timeout,
        talk: context.talk,
    };
    let mut trainer = Trainer::start(&programs::find(programs::WORKER)?, &options)?;
    let request = CheckModule { path: path.display().to_string(), features: args.input.clone() };
    let module = trainer.check(request)?;
    let facts = table(&module);
    match args.output.format {
        // One module in many words reads better downwards.
        Format::Table => {
            output::table(Format::Table, &downwards(&module), |table| rows::readable(table, &[]))?;
        }
        format => output::table(format, &facts, |table| rows::readable(table, &[]))?,
    }
    if module.takes_whole_numbers {
        context.talk.warn(
            "it sees only the whole part of its inputs, as an embedding does: set `normalize = \"none\"` in [data]",
        );
    }
    if !module.can_be_seeded {
        context.talk.warn(
            "every trial will start from the weights in the file, whatever its seed; export a method \
             `reset_parameters` with @torch.jit.export to have the seed set them",
        );
    }
    Ok(Exit::Success)
}

/// One row, for programs.
fn table(module: &CheckedModule) -> Table {
    let mut columns = Vec::new();
    let mut row = Vec::new();
    let mut push = |name: &str, kind, value: String| {
        columns.push(Column { name: name.to_owned(), kind });
        row.push(Some(value));
    };
    push("signature", ColumnKind::Text, module.signature.clone());
    push("trained_elements", ColumnKind::Integer, module.trained_elements.to_string());
    push("frozen_elements", ColumnKind::Integer, module.frozen_elements.to_string());
    push("buffer_elements", ColumnKind::Integer, module.buffer_elements.to_string());
    push("parameter_bytes", ColumnKind::Integer, module.bytes.to_string());
    push("input_shape", ColumnKind::Text, shape(&module.features));
    push("outputs", ColumnKind::Integer, module.outputs.to_string());
    push("seed_sets_weights", ColumnKind::Boolean, module.can_be_seeded.to_string());
    push("accumulation", ColumnKind::Text, accumulation(module).0.to_owned());
    push("takes_whole_numbers", ColumnKind::Boolean, module.takes_whole_numbers.to_string());
    Table { columns, rows: vec![row] }
}

/// The same for people.
fn downwards(module: &CheckedModule) -> Table {
    let column = |name: &str| Column { name: name.to_owned(), kind: ColumnKind::Text };
    let numbers = |count: u64| human::whole(count);
    let (word, why) = accumulation(module);
    let of = if module.takes_whole_numbers { " of whole numbers" } else { "" };
    let seeds = if module.can_be_seeded { "the seed, by reset_parameters" } else { "the file" };
    let facts = [
        ("trained", format!("{} parameters", numbers(module.trained_elements))),
        ("frozen", numbers(module.frozen_elements)),
        ("buffers", numbers(module.buffer_elements)),
        ("memory", format!("{} in float32", human::bytes(module.bytes))),
        ("input", format!("(examples, {}){of}", shape(&module.features))),
        ("output", format!("(examples, {})", module.outputs)),
        ("weights from", seeds.to_owned()),
        ("accumulation", format!("{word}{why}")),
    ];
    let rows = facts.map(|(name, value)| vec![Some(name.to_owned()), Some(value)]).to_vec();
    Table { columns: vec![column("module"), column("")], rows }
}

fn shape(features: &[u64]) -> String {
    features.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

fn accumulation(module: &CheckedModule) -> (&'static str, &'static str) {
    match module.accumulation() {
        Accumulation::Approximate => {
            ("approximate", ": two halves of a batch do not have the gradient of the whole")
        }
        _ => ("exact", ""),
    }
}
