//! From a trial's description to something that can take steps: data opened, model built, memory planned.

use std::rc::Rc;

use domain::memory::{MemoryParts, StaticParts, training};
use domain::problem::{DataShape, InputNumbers, Task};
use domain::spec::{MicroBatchPolicy, ModelSpec};
use domain::{AccumulationPlan, TrialSpec};
use tch::Device;

use super::host::Host;
use super::own_code::OwnCode;
use super::ready::{DoesNotFit, Prepared, Ready};
use super::trial::{AsSaved, TrainTrial};
use super::untrainable;
use crate::trainer::data::feed::FeedOptions;
use crate::trainer::data::library::Reader;
use crate::trainer::data::{Dataset, Feed, Layouts, TargetForm};
use crate::trainer::device::meter::{LIMITING, Meter, READING, RELEASING};
use crate::trainer::device::turn::Turn;
use crate::trainer::error::{Doing, TrialError};
use crate::trainer::facts::Facts;
use crate::trainer::memory::planner::Question;
use crate::trainer::memory::{Account, Infeasible, MicroBatchCap, Plan, TrialKind};
use crate::trainer::step::blueprint::Blueprint;
use crate::trainer::step::course::Course;
use crate::trainer::step::learner::{Arithmetic, Learner};
use crate::trainer::step::problem::Problem;
use crate::trainer::step::tape::StepTape;

impl Host {
    /// Opens a trial's data, builds its model and plans its memory, running a few micro-batches if need be. A trial that was
    /// saved goes on as it was computed then, where it can.
    ///
    /// # Errors
    /// [`TrialError`]. A trial that does not fit is no error.
    pub fn prepare(
        &mut self,
        trial: &TrainTrial,
        as_saved: Option<&AsSaved>,
    ) -> Result<Prepared, TrialError> {
        self.planner.merge_known(&trial.known_memory);
        let _turn = Turn::wait(self.device);
        let mut preparation = Preparation::begin(self, trial, as_saved)?;
        let planned = match preparation.untrainable() {
            Some(infeasible) => Err(infeasible),
            None => preparation.build_and_plan()?,
        };
        preparation.end(planned)
    }
}

/// A trial on its way to its first step.
pub(super) struct Preparation<'a> {
    host: &'a mut Host,
    spec: &'a TrialSpec,
    micro_batch_cap: Option<&'a MicroBatchCap>,
    as_saved: Option<&'a AsSaved>,
    pub(super) dataset: Rc<Dataset>,
    /// Its examples as the model is given them.
    shape: DataShape,
    task: Task,
    pub(super) course: Course,
    blueprint: Blueprint,
    tape: StepTape,
    pub(super) meter: Meter,
    /// What the device has free, in bytes.
    available: u64,
    account: Account,
    /// What its inputs are to a module of the user's own, where that is not what they seem.
    remark_on_inputs: Option<String>,
}

/// What a trial is planned to train with.
struct Planned {
    learner: Learner,
    feed: Feed,
    plan: Plan,
    kind: TrialKind,
}

/// Where training data is while a trial trains.
#[derive(Debug, Clone, Copy)]
struct Placement {
    /// Bytes that it may take on the device for good; if it needs more, it is streamed.
    resident_limit: u64,
    /// Whether streamed data is sent ahead.
    fetch_ahead: bool,
}

impl<'a> Preparation<'a> {
    /// Opens the data and sees what memory there is.
    pub(super) fn begin(
        host: &'a mut Host,
        trial: &'a TrainTrial,
        as_saved: Option<&'a AsSaved>,
    ) -> Result<Self, TrialError> {
        let TrainTrial { spec, micro_batch_cap, sweep_id, .. } = trial;
        let (settings, micro_batch_cap) = (&spec.settings, micro_batch_cap.as_ref());
        // Before the meter starts: it is ours, not the trial's.
        let tape = StepTape::new(host.device).doing("making room for step losses")?;
        let meter = Meter::start(host.device).doing(READING)?;
        // An earlier trial may have ended in an error, with its limit still in force.
        meter.set_limit(None).doing(LIMITING)?;
        let layouts = match spec.model {
            ModelSpec::Python(_) => Layouts::AsStored,
            _ => Layouts::Images,
        };
        let dataset = host.library.open(&spec.data, &Reader { seed: settings.seed, layouts, sweep_id })?;
        let course = Course::new(settings, dataset.shape.train_examples);
        dataset.check_range(settings.train.precision)?;
        let task = dataset.task(&settings.train)?;
        let shape = as_given(&dataset.shape, &spec.model);
        let blueprint = Blueprint::new(&spec.model, &shape, &task)?;
        let available = meter.available().doing(READING)?;
        let budget = [spec.memory.budget.map(|bytes| bytes.0), host.memory_limit].into_iter().flatten().min();
        let account = Account {
            budget,
            limit: budget.map_or(available, |budget| budget.min(available)),
            fixed: blueprint.predict(&settings.train),
            example_bytes: task.example_bytes(&shape, settings.train.precision),
            resident: 0,
            shared_per_example: 0,
        };
        Ok(Self {
            host,
            spec,
            micro_batch_cap,
            as_saved,
            dataset,
            shape,
            task,
            course,
            blueprint,
            tape,
            meter,
            available,
            account,
            remark_on_inputs: None,
        })
    }

    /// Why no memory would be enough.
    pub(super) fn untrainable(&self) -> Option<Infeasible> {
        let (shape, settings) = (&self.dataset.shape, &self.spec.settings);
        let needs_two = self.blueprint.needs_two_examples(shape);
        untrainable::no_batch(&self.course, shape.train_examples, settings.batch_size.get())
            .or_else(|| untrainable::batch_of_one(&self.course).filter(|_| needs_two))
            .map(|infeasible| self.with_fixed_memory(infeasible))
    }

    /// What is known of its memory all the same.
    fn with_fixed_memory(&self, infeasible: Infeasible) -> Infeasible {
        let needed = MemoryParts { fixed: self.account.fixed, ..infeasible.needed };
        Infeasible { needed, ..infeasible }
    }

    fn build_and_plan(&mut self) -> Result<Result<Planned, Infeasible>, TrialError> {
        match self.build() {
            Ok(learner) => self.plan(learner),
            Err(error) if error.is_out_of_memory() => {
                Ok(Err(self.account.infeasible("the model alone", 1, None)))
            }
            Err(error) => Err(error),
        }
    }

    /// Builds the model, and measures parts 1 and 2 of its memory.
    pub(super) fn build(&mut self) -> Result<Learner, TrialError> {
        let settings = &self.spec.settings;
        let batch_size = self.course.effective_batch_size();
        self.use_threads_for(match self.spec.memory.micro_batch {
            MicroBatchPolicy::Fixed(examples) => examples.min(batch_size),
            MicroBatchPolicy::Auto | MicroBatchPolicy::Off => batch_size,
        });
        self.meter.set_limit(Some(self.available)).doing(LIMITING)?;
        let arithmetic = Arithmetic::new(settings.train.precision, self.host.device);
        let problem = Problem { shape: &self.shape, task: &self.task, target: self.dataset.target_name() };
        let learner = self.blueprint.build(settings, &problem, arithmetic)?;
        self.account.fixed = measured(&learner);
        Ok(learner)
    }

    /// A quarter of the memory is for data kept on the device; and if with it not even one example can be trained, none
    /// of it, and at last none for examples sent ahead either.
    fn plan(&mut self, mut learner: Learner) -> Result<Result<Planned, Infeasible>, TrialError> {
        let mut placement = Placement { resident_limit: self.account.limit / 4, fetch_ahead: true };
        loop {
            let mut feed = self.place(&mut learner, placement)?;
            match self.split(&mut learner, &mut feed, placement)? {
                Ok((plan, kind)) => return Ok(Ok(Planned { learner, feed, plan, kind })),
                Err(_) if self.account.resident > 0 => placement.resident_limit = 0,
                Err(_) if placement.fetch_ahead => placement.fetch_ahead = false,
                Err(infeasible) => return Ok(Err(infeasible)),
            }
        }
    }

    /// Builds the model, and places the data as planning does first.
    pub(super) fn build_and_place(&mut self) -> Result<Learner, TrialError> {
        let mut learner = self.build()?;
        let placement = Placement { resident_limit: self.account.limit / 4, fetch_ahead: true };
        self.place(&mut learner, placement)?;
        Ok(learner)
    }

    /// What is to be said of it, with its model or without.
    pub(super) fn facts(&self, learner: Option<&Learner>) -> Facts {
        let mut facts = Facts::of_data(&self.dataset);
        facts.remarks.extend(self.dataset.remark_on_loss(self.spec.settings.train.loss));
        facts.remarks.extend(self.remark_on_inputs.clone());
        match learner {
            None => facts,
            Some(learner) => facts.with_model(
                (&self.blueprint, &learner.model),
                self.spec,
                &self.course,
                self.dataset.shape.train_examples,
            ),
        }
    }

    /// Places the data, and finds out of a module of the user's own whether splitting a batch is exact.
    fn place(&mut self, learner: &mut Learner, placement: Placement) -> Result<Feed, TrialError> {
        let settings = &self.spec.settings;
        self.meter.set_limit(Some(self.available)).doing(LIMITING)?;
        let options = FeedOptions {
            device: self.host.device,
            kind: learner.arithmetic().kind,
            keeps_integers: self.blueprint.is_own(),
            target: target_form(&self.task),
            shuffle: settings.train.shuffle.then_some(settings.seed),
            seed: settings.seed,
            resident_limit: placement.resident_limit,
            per_epoch: self.course.examples_per_epoch(),
            fetch_ahead: placement.fetch_ahead,
        };
        let mut feed =
            Feed::new(Rc::clone(&self.dataset), &options).doing("placing the data on the device")?;
        if self.blueprint.is_own() {
            self.remark_on_inputs = OwnCode {
                blueprint: &self.blueprint,
                task: &self.task,
                data: &self.dataset,
                normalize: self.spec.data.normalize,
            }
            .look(learner, &mut feed)?;
        }
        self.account.resident = feed.resident_bytes();
        self.account.shared_per_example = feed.shared_bytes_per_example();
        Ok(feed)
    }

    /// How batches are split with the data in its place, and the kind that the trial then is of.
    fn split(
        &mut self,
        learner: &mut Learner,
        feed: &mut Feed,
        placement: Placement,
    ) -> Result<Result<(Plan, TrialKind), Infeasible>, TrialError> {
        let wanted = self.spec.memory.micro_batch;
        let cap = self.micro_batch_cap;
        let mut question = Question {
            kind: self.kind(placement),
            batch_size: self.course.effective_batch_size(),
            policy: cap.map_or(wanted, |cap| cap.limit(wanted)),
            account: &self.account,
        };
        let mut planned = self.host.planner.plan(&question, learner, feed, &self.meter)?;
        // Threads share a micro-batch, not a batch: a finer split may be better off with fewer. What it takes may
        // depend on how many they are, so that is planned anew.
        let finer = planned.as_ref().ok().map(|plan| plan.split.micro_batch());
        if finer.is_some_and(|examples| self.use_threads_for(examples)) {
            question.kind = self.kind(placement);
            planned = self.host.planner.plan(&question, learner, feed, &self.meter)?;
        }
        let kind = question.kind;
        Ok(planned.map(|mut plan| {
            if let Some(cap) = cap {
                cap.explain(&mut plan, wanted);
            }
            (plan, self.kind_as_saved(placement).unwrap_or(kind))
        }))
    }

    /// Computes with the threads that the trial was saved with, where all else that its rounding depends on is the same
    /// here, and gives its kind then. Otherwise it starts over, with the threads that it would have started with here.
    fn kind_as_saved(&self, placement: Placement) -> Option<TrialKind> {
        let saved = self.as_saved.filter(|saved| (1..=self.host.threads).contains(&saved.threads))?;
        let planned = tch::get_num_threads();
        tch::set_num_threads(saved.threads as i32);
        let kind = self.kind(placement);
        if kind == saved.kind {
            return Some(kind);
        }
        tch::set_num_threads(planned);
        None
    }

    /// Sets the threads that the trial computes with, for so many examples at once; whether that changed them.
    fn use_threads_for(&self, examples: u64) -> bool {
        let threads = self.blueprint.threads(&self.shape, examples, self.host.threads) as i32;
        let changed = threads != tch::get_num_threads();
        if changed {
            tch::set_num_threads(threads);
        }
        changed
    }

    /// All that memory depends on besides the micro-batch. A CUDA library may choose its workspace by what is left, so
    /// there the limit is part of it; the threads of the host are not.
    fn kind(&self, placement: Placement) -> TrialKind {
        let (limit, threads) = match self.host.device {
            Device::Cpu => (None, tch::get_num_threads()),
            _ => (self.account.budget, 1),
        };
        TrialKind(format!(
            "{} for {:?} on {:?} of {:?} normalize {:?} resident {} ahead {} {} threads {threads} limit {limit:?} on {:?} by \
             batchsweep {}",
            self.blueprint.identity(),
            self.task,
            self.shape.inputs,
            self.dataset.columns().map(|column| column.storage).collect::<Vec<_>>(),
            self.spec.data.normalize,
            self.account.resident > 0,
            placement.fetch_ahead,
            training(&self.spec.settings.train),
            self.host.device_kind,
            env!("CARGO_PKG_VERSION"),
        ))
    }

    fn without_micro_batch_of_one(&self, planned: Planned) -> Result<Planned, Infeasible> {
        let split = planned.plan.split;
        let ragged = AccumulationPlan::at_most(self.course.smallest_batch(), split.micro_batch());
        let smallest = [split, ragged].into_iter().filter_map(|split| split.sizes().last()).min();
        match smallest {
            Some(1) if planned.learner.model.needs_two_examples() => {
                let batch = untrainable::batch_of_one(&self.course);
                let infeasible = batch.unwrap_or_else(untrainable::micro_batch_of_one);
                Err(self.with_fixed_memory(infeasible))
            }
            _ => Ok(planned),
        }
    }

    fn end(self, planned: Result<Planned, Infeasible>) -> Result<Prepared, TrialError> {
        let planned = planned.and_then(|planned| self.without_micro_batch_of_one(planned));
        let facts = self.facts(planned.as_ref().ok().map(|planned| &planned.learner));
        let Self { dataset, shape, task, course, tape, meter, account, .. } = self;
        let data_sha256 = dataset.sha256;
        Ok(match planned {
            Ok(Planned { learner, feed, plan, kind }) => {
                // What was measured may have been freed since; others that plan next are not to be promised it.
                meter.hold(plan.predicted.total()).doing("taking the memory that the trial was promised")?;
                Ok(Box::new(Ready {
                    course,
                    shape,
                    task,
                    data_sha256,
                    feed,
                    learner,
                    tape,
                    plan,
                    account,
                    meter,
                    kind,
                    facts,
                }))
            }
            Err(infeasible) => {
                let ooms = meter.ooms().doing(READING)?;
                meter.release_cache().doing(RELEASING)?;
                meter.set_limit(None).doing(LIMITING)?;
                let budget = account.budget;
                let task = task.kind();
                Err(Box::new(DoesNotFit {
                    course,
                    shape,
                    task,
                    data_sha256,
                    infeasible,
                    budget,
                    ooms,
                    facts,
                }))
            }
        })
    }
}

/// Targets as the loss of a task takes them.
fn target_form(task: &Task) -> TargetForm {
    match task {
        Task::Classification { .. } | Task::Sequence { .. } => TargetForm::Classes,
        Task::Regression { .. } | Task::MultiLabel { .. } => TargetForm::Numbers,
        Task::OwnLoss => TargetForm::AsStored,
    }
}

/// Examples as a model takes them: for a built-in one all inputs are numbers.
fn as_given(stored: &DataShape, model: &ModelSpec) -> DataShape {
    let mut shape = stored.clone();
    if !model.runs_code() {
        shape.inputs.iter_mut().for_each(|input| input.numbers = InputNumbers::Floating);
    }
    shape
}

/// Parts 1 and 2 as the tensors have them.
fn measured(learner: &Learner) -> StaticParts {
    StaticParts {
        parameter_bytes: learner.model.bytes(),
        // One gradient element for each parameter element, of the same type.
        gradient_bytes: learner.model.parameters().bytes(),
        optimizer_state_bytes: learner.optimizer.state_bytes(),
    }
}
