//! From a trial's description to something that can take steps: data opened, model built, memory planned.

use std::rc::Rc;

use domain::architecture::DataShape;
use domain::memory::{DeviceKind, MemoryParts, StaticParts, training};
use domain::spec::MicroBatchPolicy;
use domain::{AccumulationPlan, TrialSettings, TrialSpec};
use tch::Device;

use super::account::{Account, Infeasible};
use super::blueprint::Blueprint;
use super::checkpoint::Checkpoints;
use super::course::Course;
use super::data::feed::FeedOptions;
use super::data::{Dataset, Feed, Library};
use super::error::{Doing, TrialError};
use super::exactness;
use super::learner::{Arithmetic, Learner};
use super::memory::{LIMITING, Meter, READING};
use super::planner::{MemoryKey, Plan, Planner, Question};

/// What a trainer process keeps between trials.
#[derive(Debug)]
pub struct Host {
    /// Where it trains.
    pub device: Device,
    /// The worker's own limit, below the device's.
    pub memory_limit: Option<u64>,
    /// The most threads that a trial computes with.
    pub threads: u64,
    /// Data sets in host memory.
    pub library: Library,
    /// What is known about memory.
    pub planner: Planner,
    /// What kind of device it is, as far as memory depends on that.
    pub device_kind: DeviceKind,
    /// The next trial's limit on micro-batches, if it has one.
    pub micro_batch_cap: Option<MicroBatchCap>,
    /// How the next trial is saved, and what it goes on from.
    pub checkpoints: Checkpoints,
    /// How the next trial was computed before it was saved, if it was.
    pub as_saved: Option<AsSaved>,
}

/// How a trial was computed before it was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsSaved {
    /// With so many threads, on which the rounding of sums depends.
    pub threads: u64,
    /// All that rounding depends on, as [`MemoryKey`] tells it.
    pub kind: String,
}

/// A trial takes no larger micro-batches, whatever fits: earlier attempts at it were killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MicroBatchCap {
    /// The most examples at a time.
    pub examples: u64,
    /// Why, in words.
    pub reason: String,
}

impl MicroBatchCap {
    /// The user's wish under this limit. A batch that must not be split is not.
    pub fn limit(&self, policy: MicroBatchPolicy) -> MicroBatchPolicy {
        match policy {
            MicroBatchPolicy::Auto => MicroBatchPolicy::Fixed(self.examples),
            MicroBatchPolicy::Fixed(examples) => MicroBatchPolicy::Fixed(examples.min(self.examples)),
            MicroBatchPolicy::Off => MicroBatchPolicy::Off,
        }
    }

    /// Tells this as the plan's reason, where it is one.
    fn explain(&self, plan: &mut Plan, wanted: MicroBatchPolicy) {
        let asked_for_less = matches!(wanted, MicroBatchPolicy::Fixed(examples) if examples <= self.examples);
        let binds = plan.split == AccumulationPlan::at_most(plan.split.batch_size(), self.examples);
        if binds && wanted != MicroBatchPolicy::Off && !asked_for_less && plan.split.accumulation_steps() > 1
        {
            plan.reason.clone_from(&self.reason);
        }
    }
}

/// A trial that can take its first step.
#[derive(Debug)]
pub struct Ready {
    /// Its batches, none taken yet.
    pub course: Course,
    /// Counts and shape of its data.
    pub shape: DataShape,
    /// Gives its examples.
    pub feed: Feed,
    /// Model, optimizer and loss.
    pub learner: Learner,
    /// How its batches are split.
    pub plan: Plan,
    /// What it may take, and what is fixed of that.
    pub account: Account,
    /// Counts bytes since the trial began.
    pub meter: Meter,
    /// What it shares its memory behaviour with.
    pub key: MemoryKey,
    /// What the user should know of it before it begins.
    pub remarks: Vec<String>,
    /// What its data is, as [`Dataset::sha256`].
    pub data_sha256: Option<String>,
    /// The limit on its micro-batches, whatever the plan says.
    pub micro_batch_cap: Option<MicroBatchCap>,
}

/// A trial that cannot be trained within its memory.
#[derive(Debug)]
pub struct DoesNotFit {
    /// Its batches.
    pub course: Course,
    /// Counts and shape of its data.
    pub shape: DataShape,
    /// Why.
    pub infeasible: Infeasible,
    /// The limit that was asked for.
    pub budget: Option<u64>,
    /// Allocations refused while finding out.
    pub ooms: u64,
    /// What its data is, as [`Dataset::sha256`].
    pub data_sha256: Option<String>,
}

impl Host {
    /// A trainer on a device that [`super::device::open`] has readied.
    #[must_use]
    pub fn new(device: Device, memory_limit: Option<u64>) -> Self {
        let threads = u64::try_from(tch::get_num_threads()).unwrap_or(1);
        let described = super::device::describe(device, None);
        let device_kind =
            DeviceKind::new(&described.name, &described.description, &described.libtorch_version);
        let (library, planner) = (Library::default(), Planner::default());
        let checkpoints = Checkpoints::default();
        Self {
            device,
            memory_limit,
            threads,
            library,
            planner,
            device_kind,
            micro_batch_cap: None,
            checkpoints,
            as_saved: None,
        }
    }

    /// Opens a trial's data, builds its model and plans its memory, running a few micro-batches if need be.
    ///
    /// # Errors
    /// [`TrialError`]. A trial that does not fit is no error.
    pub fn prepare(&mut self, spec: &TrialSpec) -> Result<Result<Box<Ready>, Box<DoesNotFit>>, TrialError> {
        let settings = &spec.settings;
        let meter = Meter::start(self.device).doing(READING)?;
        // An earlier trial may have ended in an error, with its limit still in force.
        meter.set_limit(None).doing(LIMITING)?;
        let dataset = self.library.open(&spec.data, settings.seed)?;
        let course = Course::new(settings, dataset.shape.train_examples);
        if course.total_steps() == 0 {
            let (examples, batch_size) = (dataset.shape.train_examples, settings.batch_size.get());
            return Err(TrialError::NoSteps { examples, batch_size });
        }
        let blueprint = Blueprint::new(&spec.model, &dataset.shape)?;
        let at_once = match spec.memory.micro_batch {
            MicroBatchPolicy::Fixed(examples) => examples.min(course.batch_size()),
            MicroBatchPolicy::Auto | MicroBatchPolicy::Off => course.batch_size(),
        };
        self.use_threads_for(&blueprint, &dataset, at_once);

        let available = meter.available().doing(READING)?;
        let budget = [spec.memory.budget.map(|bytes| bytes.0), self.memory_limit].into_iter().flatten().min();
        meter.set_limit(Some(available)).doing(LIMITING)?;
        let mut account = Account {
            budget,
            limit: budget.map_or(available, |budget| budget.min(available)),
            fixed: blueprint.predict(&settings.train),
            example_bytes: MemoryParts::example_bytes(&dataset.shape, &settings.train),
            resident: 0,
            shared_per_example: 0,
        };
        let arithmetic = Arithmetic::new(settings.train.precision, self.device);
        let planned = match blueprint.build(settings, &dataset.shape, arithmetic) {
            Ok(learner) => {
                account.fixed = measured(&learner);
                self.place_and_plan(spec, &blueprint, &dataset, learner, (&mut account, meter, available))?
            }
            Err(error) if error.is_out_of_memory() => Err(account.infeasible("the model alone", 1, None)),
            Err(error) => return Err(error),
        };
        let (shape, data_sha256) = (dataset.shape.clone(), dataset.sha256.clone());
        Ok(match planned {
            Ok(Placed { learner, feed, plan, key, micro_batch_cap }) => {
                let remarks = blueprint.remarks(&learner.model);
                Ok(Box::new(Ready {
                    course,
                    shape,
                    feed,
                    learner,
                    plan,
                    account,
                    meter,
                    key,
                    remarks,
                    data_sha256,
                    micro_batch_cap,
                }))
            }
            Err(infeasible) => {
                let ooms = meter.ooms().doing(READING)?;
                meter.set_limit(None).doing(LIMITING)?;
                Err(Box::new(DoesNotFit { course, shape, infeasible, budget, ooms, data_sha256 }))
            }
        })
    }

    /// Sets the threads that a trial computes with, for so many examples at once; whether that changed them.
    fn use_threads_for(&self, blueprint: &Blueprint, dataset: &Dataset, examples: u64) -> bool {
        let threads = blueprint.threads(&dataset.shape.features, examples, self.threads) as i32;
        let changed = threads != tch::get_num_threads();
        if changed {
            tch::set_num_threads(threads);
        }
        changed
    }

    /// A quarter of the memory is for data kept on the device; and if with it not even one example can be trained, none
    /// of it, and at last none for examples sent ahead either.
    fn place_and_plan(
        &mut self,
        spec: &TrialSpec,
        blueprint: &Blueprint,
        dataset: &Rc<Dataset>,
        mut learner: Learner,
        (account, meter, available): (&mut Account, Meter, u64),
    ) -> Result<Result<Placed, Infeasible>, TrialError> {
        let TrialSettings { train, seed, .. } = &spec.settings;
        let kind = learner.arithmetic().kind;
        let batch_size = spec.settings.batch_size.get().min(dataset.shape.train_examples);
        let per_epoch = Course::new(&spec.settings, dataset.shape.train_examples).examples_per_epoch();
        let cap = self.micro_batch_cap.take();
        let as_saved = self.as_saved.take().filter(|saved| (1..=self.threads).contains(&saved.threads));
        let (mut resident_limit, mut fetch_ahead) = (account.limit / 4, true);
        loop {
            meter.set_limit(Some(available)).doing(LIMITING)?;
            let shuffle = train.shuffle.then_some(*seed);
            let options =
                FeedOptions { device: self.device, kind, shuffle, resident_limit, per_epoch, fetch_ahead };
            let mut feed = Feed::new(Rc::clone(dataset), &options).doing("placing the data on the device")?;
            if blueprint.is_script() {
                let inexact = exactness::check(&mut learner, &mut feed, dataset.shape.train_examples)
                    .doing("comparing the gradients of a split batch")?;
                learner.model.set_inexact(inexact);
            }
            account.resident = feed.resident_bytes();
            account.shared_per_example = feed.shared_bytes_per_example();
            let wanted = spec.memory.micro_batch;
            let mut question = Question {
                key: self.memory_key(spec, blueprint, dataset, (account, fetch_ahead)),
                batch_size,
                policy: cap.as_ref().map_or(wanted, |cap| cap.limit(wanted)),
                account,
            };
            let mut planned = self.planner.plan(&question, &mut learner, &mut feed, &meter)?;
            // Threads share a micro-batch, not a batch: a finer split may be better off with fewer. What it takes may
            // depend on how many they are, so that is planned anew.
            let finer = planned.as_ref().ok().map(|plan| plan.split.micro_batch());
            if finer.is_some_and(|examples| self.use_threads_for(blueprint, dataset, examples)) {
                question.key = self.memory_key(spec, blueprint, dataset, (account, fetch_ahead));
                planned = self.planner.plan(&question, &mut learner, &mut feed, &meter)?;
            }
            match planned {
                Ok(mut plan) => {
                    if let Some(cap) = &cap {
                        cap.explain(&mut plan, wanted);
                    }
                    if let Some(saved) = &as_saved {
                        let planned = tch::get_num_threads();
                        tch::set_num_threads(saved.threads as i32);
                        let key = self.memory_key(spec, blueprint, dataset, (account, fetch_ahead));
                        if key.0 == saved.kind {
                            question.key = key;
                        } else {
                            // It cannot go on here, and starts over as it would have started here.
                            tch::set_num_threads(planned);
                        }
                    }
                    return Ok(Ok(Placed { learner, feed, plan, key: question.key, micro_batch_cap: cap }));
                }
                Err(_) if account.resident > 0 => resident_limit = 0,
                Err(_) if fetch_ahead => fetch_ahead = false,
                Err(infeasible) => return Ok(Err(infeasible)),
            }
        }
    }
}

impl Host {
    /// All that memory depends on besides the micro-batch. A CUDA library may choose its workspace by what is left, so
    /// there the limit is part of it.
    fn memory_key(
        &self,
        spec: &TrialSpec,
        blueprint: &Blueprint,
        dataset: &Dataset,
        (account, fetch_ahead): (&Account, bool),
    ) -> MemoryKey {
        let limit = if self.device == Device::Cpu { None } else { account.budget };
        MemoryKey(format!(
            "{} on {:?} of {:?} normalize {:?} resident {} ahead {fetch_ahead} {} threads {} limit {limit:?} on {:?} by \
             batchsweep {}",
            blueprint.identity(),
            dataset.shape.features,
            dataset.inputs.storage,
            spec.data.normalize,
            account.resident > 0,
            training(&spec.settings.train),
            tch::get_num_threads(),
            self.device_kind,
            env!("CARGO_PKG_VERSION"),
        ))
    }
}

struct Placed {
    learner: Learner,
    feed: Feed,
    plan: Plan,
    key: MemoryKey,
    micro_batch_cap: Option<MicroBatchCap>,
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
