//! What is known of a sweep before any of it is trained: what its data is, and what may not be as the user thinks.

use std::time::Duration;

use domain::SweepSpec;
use domain::analysis::warnings::same_weights;
use domain::run::SeedSets;
use domain::{PlannedTrial, expand};
use proto::{Wire, v1};
use report::wrap::wrap;
use tokio::sync::oneshot;

use crate::conclusion::warn_of;
use crate::failure::{Exit, Failure};
use crate::local::programs;
use crate::talk::{self, Talk};
use crate::trainer::{Trainer, TrainerEnd, TrainerOptions};

/// How long a sweep is tried out before it is submitted as it is: reading much data may take longer, and a model may never
/// return, which workers find out, too.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a trainer found.
#[derive(Debug, Clone, Default)]
pub struct Preview {
    data: Vec<String>,
    remarks: Vec<String>,
    seed_sets: Option<SeedSets>,
}

impl Preview {
    /// Adds what was found of one trial; what was found before is not said twice.
    pub fn add(&mut self, found: &v1::PlannedTrial) {
        let add = |to: &mut Vec<String>, text: &String| {
            if !text.is_empty() && !to.contains(text) {
                to.push(text.clone());
            }
        };
        add(&mut self.data, &found.data);
        found.remarks.iter().for_each(|remark| add(&mut self.remarks, remark));
        self.seed_sets = self.seed_sets.or(found.seed_sets.and_then(|sets| SeedSets::from_wire(sets).ok()));
    }

    /// Shows it.
    pub fn show(&self, sweep: &SweepSpec, talk: Talk) {
        self.data.iter().for_each(|data| talk.say(wrap(data, talk::width(), 2).trim_end()));
        self.remarks.iter().for_each(|remark| warn_of(remark, talk));
        let mut seeds: Vec<u64> = expand(sweep).iter().map(|trial| trial.settings.seed).collect();
        seeds.sort_unstable();
        seeds.dedup();
        if let Some(warning) = self.seed_sets.and_then(|sets| same_weights(seeds.len(), sets)) {
            warn_of(&format!("{} [{}]", warning.message, warning.id), talk);
        }
    }
}

/// A sweep that is tried out beside other work. Dropped, it ends.
#[derive(Debug)]
pub struct TryOut {
    found: oneshot::Receiver<Result<Preview, Failure>>,
    trainer: oneshot::Receiver<TrainerEnd>,
}

impl TryOut {
    /// Begins to read the data and build the model of a sweep whose files are on this machine.
    #[must_use]
    pub fn begin(sweep: SweepSpec, options: TrainerOptions) -> Self {
        let (tell_found, found) = oneshot::channel();
        let (tell_trainer, trainer) = oneshot::channel();
        // Not among the runtime's threads: it may never return, and the command must end all the same.
        std::thread::spawn(move || {
            // Nobody listens any more when the command was interrupted.
            let _ = tell_found.send(try_out(&sweep, &options, tell_trainer));
        });
        Self { found, trainer }
    }

    /// What was found; nothing where it takes too long, or where only a worker can say what is wrong.
    ///
    /// # Errors
    /// When data or model cannot be read or built.
    pub async fn end(mut self) -> Result<Preview, Failure> {
        match tokio::time::timeout(PATIENCE, &mut self.found).await {
            Ok(Ok(Err(failure))) if failure.exit == Exit::Usage => Err(failure.hint("nothing was submitted")),
            Ok(Ok(Ok(found))) => Ok(found),
            // No device, a trainer that ended, or no answer in time.
            Ok(_) | Err(_) => Ok(Preview::default()),
        }
    }
}

impl Drop for TryOut {
    fn drop(&mut self) {
        if let Ok(trainer) = self.trainer.try_recv() {
            trainer.now();
        }
    }
}

fn try_out(
    sweep: &SweepSpec,
    options: &TrainerOptions,
    tell_trainer: oneshot::Sender<TrainerEnd>,
) -> Result<Preview, Failure> {
    let mut trainer = Trainer::start(&programs::find(programs::WORKER)?, options)?;
    if tell_trainer.send(trainer.end()).is_err() {
        return Ok(Preview::default());
    }
    let mut preview = Preview::default();
    for trial in unlike(expand(sweep)) {
        preview.add(&trainer.try_out(&trial.spec(sweep))?);
    }
    Ok(preview)
}

/// One trial of each kind of number, loss and model: whether data can be read and a model built depends on nothing else.
fn unlike(trials: Vec<PlannedTrial>) -> Vec<PlannedTrial> {
    let mut unlike: Vec<PlannedTrial> = Vec::new();
    for trial in trials {
        let is_like = |other: &PlannedTrial| {
            let (one, other) = (&trial.settings, &other.settings);
            let numbers = (one.train.precision, one.train.loss) == (other.train.precision, other.train.loss);
            numbers && one.model == other.model
        };
        if !unlike.iter().any(is_like) {
            unlike.push(trial);
        }
    }
    unlike
}
