//! `plan`: what a sweep would take; runs nothing.

use domain::architecture::layers;
use domain::memory::{MemoryParts, StaticParts};
use domain::problem::{DataShape, InputShape, Target, Task};
use domain::run::PeakMemory;
use domain::search::SweepSearch;
use domain::spec::{DataSource, SweepSpec, Value};
use domain::units::LearningRate;
use domain::{PlannedTrial, TrialSettings, expand};
use proto::{Wire, v1};
use report::plan::{PeakBasis, PlanRow, PlannedSplit};
use report::{human, plan};

use crate::context::Context;
use crate::coordinator::known;
use crate::failure::{Exit, Failure};
use crate::local::programs;
use crate::output::{self, OutputArgs};
use crate::preview::Preview;
use crate::spec_args::SpecArgs;
use crate::spec_file::Readers;
use crate::trainer::{PATIENCE, Trainer, TrainerOptions};

use super::up;

/// Arguments of `plan`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    spec: SpecArgs,

    /// Where it would be trained: cpu, or a GPU such as cuda:0
    #[arg(long, value_name = "DEVICE", default_value = "cpu", value_parser = up::parse_device)]
    device: String,

    /// Device memory that a worker may use, such as 512MiB [default: the device's own]
    #[arg(long, value_name = "SIZE", value_parser = up::parse_bytes)]
    memory_limit: Option<domain::Bytes>,

    #[command(flatten)]
    python: up::PythonArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// Runs the verb.
///
/// # Errors
/// For a bad sweep file, data that cannot be opened, and a device that cannot be used.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let start = std::time::Instant::now();
    let spec = args.spec.load(Readers::ThisCommand)?;
    let trials = expand(&spec.sweep);
    let (rows, probes) = match programs::find(programs::WORKER) {
        Ok(program) => {
            let options = TrainerOptions {
                device: args.device.clone(),
                is_hosted: spec.sweep.needs_python(),
                python: args.python.interpreter(),
                memory_limit: args.memory_limit,
                patience: PATIENCE,
                talk: context.talk,
            };
            let mut trainer = Trainer::start(&program, &options)?;
            let known = known::ask(context, &spec.sweep, trainer.device())?;
            let (rows, probes, preview) = plan_with(&mut trainer, &spec.sweep, &trials, &known)?;
            preview.show(&spec.sweep, context.talk);
            (rows, Some(probes))
        }
        Err(failure) => {
            context.talk.warn(format_args!(
                "{}; only what needs no worker is told: micro-batches, activations and the peak are unknown",
                failure.message
            ));
            let rows = trials.iter().map(|trial| row_without_worker(&spec.sweep, trial));
            (rows.collect::<Result<_, _>>()?, None)
        }
    };
    output::table(args.output.format, &plan::table(&rows), |_| plan::sheet(&rows))?;
    let took = human::seconds(start.elapsed().as_secs_f64());
    let told = format!("planned {} in {took}", human::count(rows.len() as u64, "trial"));
    context.talk.say(match probes {
        None => told,
        Some(0) => format!("{told}; no micro-batch had to be run: what they take was known"),
        Some(1) => format!("{told}; 1 micro-batch was run to see what it takes"),
        Some(probes) => {
            format!("{told}; {} micro-batches were run to see what they take", human::whole(probes))
        }
    });
    if let Some(most) = SweepSearch::at_most(&spec.sweep) {
        context.talk.say(at_most(most, trials.len() as u64));
    }
    tell_problems(&rows, context);
    context.talk.next(format_args!("batchsweep run {}", args.spec.spec.display()));
    Ok(Exit::Success)
}

/// How many trials a search trains at most, of the grid and past its edges.
fn at_most(most: u64, of_grid: u64) -> String {
    match most.checked_sub(of_grid) {
        Some(0) => format!("the search trains those of them that it needs: at most all {of_grid}"),
        Some(past) => format!(
            "the search trains those of them that it needs, and at most {} past the edges of the grid",
            human::count(past, "trial")
        ),
        None => format!("the search trains at most {most} of them"),
    }
}

/// Asks the trainer once for all trials that take the same memory. Gives also how many micro-batches it ran to answer, and
/// what it found besides.
fn plan_with(
    trainer: &mut Trainer,
    sweep: &SweepSpec,
    trials: &[PlannedTrial],
    known_memory: &[v1::KnownMemory],
) -> Result<(Vec<PlanRow>, u64, Preview), Failure> {
    let mut asked: Vec<(TrialSettings, v1::PlannedTrial)> = Vec::new();
    let mut preview = Preview::default();
    let mut rows = Vec::new();
    for trial in trials {
        let kind = memory_kind(trial);
        let known = asked.iter().find(|(settings, _)| *settings == kind).map(|(_, answer)| answer.clone());
        let answer = match known {
            Some(answer) => answer,
            None => {
                let answer = trainer.plan(&trial.spec(sweep), known_memory)?;
                preview.add(&answer);
                asked.push((kind, answer.clone()));
                answer
            }
        };
        rows.push(row(trial, answer));
    }
    let probes = asked.iter().map(|(_, planned)| planned.probes).sum();
    Ok((rows, probes, preview))
}

/// The settings with everything evened out that neither memory nor the number of steps depends on.
fn memory_kind(trial: &PlannedTrial) -> TrialSettings {
    let mut settings = trial.settings.clone();
    settings.seed = 0;
    if let Ok(one) = LearningRate::try_new(1.0) {
        settings.learning_rate = one;
    }
    settings
}

fn row(trial: &PlannedTrial, planned: v1::PlannedTrial) -> PlanRow {
    PlanRow {
        steps: Some(planned.total_steps),
        split: Some(PlannedSplit {
            micro_batch: planned.micro_batch,
            accumulation_steps: planned.accumulation_steps,
        }),
        memory: planned
            .memory
            .and_then(|memory| PeakMemory::from_wire(memory).ok())
            .map(|memory| memory.parts),
        peak: match (planned.infeasible.is_empty(), planned.is_measured) {
            (true, true) => PeakBasis::Measured,
            (true, false) => PeakBasis::Predicted,
            (false, _) => PeakBasis::Unknown,
        },
        problem: Some(planned.infeasible).filter(|why| !why.is_empty()),
        ..empty_row(trial)
    }
}

/// Parts 1 to 3 of the whole batch, where the file itself gives the shape of the data.
///
/// # Errors
/// When the model does not fit the data.
fn row_without_worker(sweep: &SweepSpec, trial: &PlannedTrial) -> Result<PlanRow, Failure> {
    let row = empty_row(trial);
    let DataSource::Synthetic(synthetic) = &sweep.data.source else { return Ok(row) };
    let available = sweep.data.limit.map_or(synthetic.examples, |limit| limit.min(synthetic.examples));
    let data = DataShape {
        train_examples: available - sweep.data.validation,
        validation_examples: sweep.data.validation,
        inputs: InputShape::only(synthetic.features.clone()),
        target: Target::classes(synthetic.classes),
    };
    // What is in a module only a worker knows.
    let train = &trial.settings.train;
    let task = Task::new(&data.target, train).map_err(|error| Failure::usage(error.to_string()))?;
    let model = sweep.model.clone().with(&trial.settings.model);
    let layers = layers(&model, &data, &task).map_err(|error| Failure::usage(error.to_string()))?;
    let Some(layers) = layers else { return Ok(row) };
    let batch = trial.settings.effective_batch_size(data.train_examples);
    Ok(PlanRow {
        steps: Some(trial.settings.total_steps(data.train_examples)),
        memory: Some(MemoryParts {
            fixed: StaticParts::predict(&layers, train),
            batch_bytes: batch * task.example_bytes(&data, train.precision),
            ..MemoryParts::default()
        }),
        ..row
    })
}

fn empty_row(trial: &PlannedTrial) -> PlanRow {
    let others =
        trial.parameters.iter().filter(|(name, _)| !["batch_size", "learning_rate"].contains(&name.as_str()));
    PlanRow {
        index: trial.index,
        batch_size: trial.settings.batch_size.get(),
        learning_rate: trial.settings.learning_rate.get(),
        axes: others.map(|(name, value)| (name.clone(), json(value))).collect(),
        steps: None,
        split: None,
        memory: None,
        peak: PeakBasis::Unknown,
        problem: None,
    }
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Integer(number) => (*number).into(),
        Value::Number(number) => (*number).into(),
        Value::Flag(flag) => (*flag).into(),
        Value::Word(word) => word.as_str().into(),
    }
}

/// Each reason once.
fn tell_problems(rows: &[PlanRow], context: &Context) {
    let mut told: Vec<&str> = Vec::new();
    for problem in rows.iter().filter_map(|row| row.problem.as_deref()) {
        if !told.contains(&problem) {
            told.push(problem);
            context.talk.warn(problem);
        }
    }
}
