//! The search of a sweep, as whoever keeps its trials asks it: by their places in the sweep.

use std::collections::{BTreeMap, HashMap};

use super::Search;
use super::decision::{Action, Decision};
use super::known::{Better, Known, Standing};
use super::space::{Cell, Space, Trial};
use super::status::Skipped;
use super::stop::Course;
use crate::PlannedTrial;
use crate::analysis::{ScoreMetric, TrialRecord};
use crate::grid;
use crate::spec::{Axis, SweepDraft, Value};
use crate::units::{BatchSize, LearningRate};

/// A sweep with `[search]`.
#[derive(Debug, Clone)]
pub struct SweepSearch<'a> {
    sweep: &'a SweepDraft,
    search: Search,
    /// The values of the other axes of each group.
    combinations: Vec<Vec<(Axis<'a>, &'a Value)>>,
    /// All trials that the search may choose, by their keys, which stay the same however the grid grows.
    by_key: HashMap<String, Trial>,
}

/// What the next steps depend on. Trials are named by their places in the sweep.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// The key of every trial that has a place.
    pub keys: BTreeMap<u64, String>,
    /// Of the trials that were begun.
    pub records: Vec<TrialRecord>,
    /// How those have gone that run or were trained to their end; read only where trials may be ended early.
    pub courses: BTreeMap<u64, Course>,
    /// Those that run and are already to end.
    pub ending: Vec<u64>,
    /// Those that nothing was decided on.
    pub undecided: Vec<u64>,
    /// How many trials the workers run at a time.
    pub at_once: usize,
}

/// What follows from it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Steps {
    /// Trials to begin, the most useful first. Those past the edges of the grid that have no place yet get the next ones.
    pub begin: Vec<PlannedTrial>,
    /// Why they are begun, which running ones are to end, and, where the search is over, which trials are left out.
    pub decisions: Vec<DecisionAt>,
    /// Whether nothing is open and nothing more will be begun.
    pub is_over: bool,
}

/// A decision on the trial at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionAt {
    /// The place.
    pub index: u64,
    /// What is done with the trial.
    pub action: Action,
    /// Why, in the word of [`super::Reason`] or [`super::Skip`].
    pub reason: &'static str,
    /// The places of the trials whose results led to it.
    pub because: Vec<u64>,
}

impl<'a> SweepSearch<'a> {
    /// The search of a sweep; `None` where every cell is trained.
    #[must_use]
    pub fn of(sweep: &'a SweepDraft) -> Option<Self> {
        if !sweep.search.is_search() {
            return None;
        }
        let space = Space::of(&sweep.grid, sweep.search.extend);
        let combinations = sweep.grid.combinations();
        let search = Search::new(sweep.search, space);
        let mut found = Self { sweep, search, combinations, by_key: HashMap::new() };
        let trials = all(found.search.space()).into_iter();
        found.by_key = trials.filter_map(|trial| Some((found.planned(trial, 0)?.key, trial))).collect();
        Some(found)
    }

    /// The most trials of a sweep that are begun, whatever the results; `None` where every cell is trained.
    #[must_use]
    pub fn at_most(sweep: &SweepDraft) -> Option<u64> {
        let search = || Search::new(sweep.search, Space::of(&sweep.grid, sweep.search.extend));
        sweep.search.is_search().then(|| search().at_most_left(&Known::new(Better::Lower)))
    }

    /// What to do now.
    #[must_use]
    pub fn steps(&self, state: &State) -> Steps {
        let places = Places::of(&self.by_key, &state.keys);
        let known = self.known(&places, &state.records);
        let next = self.search.next(&known, state.at_once);
        let is_over = next.is_empty() && known.open() == 0;
        let (begin, places) = self.placed(&next, places);
        let begun = next.into_iter().chain(self.stops(&known, &places, state));
        let mut decisions: Vec<DecisionAt> = begun
            .filter_map(|Decision { action, trial, reason, because }| {
                places.decision(trial, action, reason.word(), &because)
            })
            .collect();
        if is_over {
            let trials: Vec<Trial> =
                state.undecided.iter().filter_map(|place| places.trials.get(place).copied()).collect();
            let skipped = self.search.why_none(&known, &trials).into_iter();
            decisions.extend(skipped.filter_map(|(trial, Skipped { why, because })| {
                places.decision(trial, Action::Skip, why.word(), &because)
            }));
        }
        Steps { begin, decisions, is_over }
    }

    fn known(&self, places: &Places, records: &[TrialRecord]) -> Known {
        let metric = ScoreMetric::of(records, Some(&self.sweep.train));
        let mut known = Known::new(Better::Lower);
        for record in records {
            let trial = places.trials.get(&record.trial_index);
            if let Some((&trial, standing)) = trial.zip(Standing::of(record, metric)) {
                known.set(trial, standing);
            }
        }
        known
    }

    /// The trials that are begun, those that have no place yet at the next ones.
    fn placed(&self, decisions: &[Decision], mut places: Places) -> (Vec<PlannedTrial>, Places) {
        let mut begin = Vec::with_capacity(decisions.len());
        for &Decision { trial, .. } in decisions {
            let place = places.of_trials.get(&trial).copied().unwrap_or(places.next);
            if let Some(planned) = self.planned(trial, place) {
                places.add(place, trial);
                begin.push(planned);
            }
        }
        (begin, places)
    }

    fn stops(&self, known: &Known, places: &Places, state: &State) -> Vec<Decision> {
        let courses = state.courses.iter();
        let courses =
            courses.filter_map(|(place, course)| Some((*places.trials.get(place)?, course.clone())));
        let mut stops = self.search.stops(known, &courses.collect());
        stops.retain(|stop| state.ending.iter().all(|place| places.trials.get(place) != Some(&stop.trial)));
        stops
    }

    /// A trial of the space as one of the sweep, at that place.
    fn planned(&self, trial: Trial, place: u64) -> Option<PlannedTrial> {
        let space = self.search.space();
        let batch_size = BatchSize::try_new(space.batch_size(trial.cell.row)).ok()?;
        let learning_rate = LearningRate::try_new(space.learning_rate(trial.cell)?).ok()?;
        let combination = self.combinations.get(trial.cell.group)?;
        grid::trial(self.sweep, place, (batch_size, learning_rate), combination, space.seed(trial)?)
    }
}

/// Trials by their places in the sweep, and back.
#[derive(Debug, Clone, Default)]
struct Places {
    trials: BTreeMap<u64, Trial>,
    of_trials: BTreeMap<Trial, u64>,
    /// The first place that no trial has.
    next: u64,
}

impl Places {
    fn of(by_key: &HashMap<String, Trial>, keys: &BTreeMap<u64, String>) -> Self {
        let mut places = Self::default();
        for (&place, key) in keys {
            match by_key.get(key) {
                Some(&trial) => places.add(place, trial),
                None => places.next = places.next.max(place + 1),
            }
        }
        places
    }

    fn add(&mut self, place: u64, trial: Trial) {
        self.trials.insert(place, trial);
        self.of_trials.insert(trial, place);
        self.next = self.next.max(place + 1);
    }

    fn decision(
        &self,
        trial: Trial,
        action: Action,
        reason: &'static str,
        because: &[Trial],
    ) -> Option<DecisionAt> {
        let because = because.iter().filter_map(|trial| self.of_trials.get(trial).copied()).collect();
        Some(DecisionAt { index: *self.of_trials.get(&trial)?, action, reason, because })
    }
}

/// All that may be trained, past the edges of the grid too.
fn all(space: &Space) -> Vec<Trial> {
    let rows = (0..space.rows()).flat_map(|row| {
        let (low, high) = space.reach(row);
        (low..=high).map(move |rate| (row, rate))
    });
    let cells = rows.flat_map(|(row, rate)| (0..space.groups()).map(move |group| Cell { group, row, rate }));
    cells.flat_map(|cell| space.trials(cell)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expand;
    use crate::lifecycle::TrialStatus;
    use crate::spec::{
        BatchSizeAxis, Budget, DataSource, DataSpec, Goal, GridSpec, Labels, LearningRateAxis, MemorySpec,
        MicroBatchPolicy, ModelSpec, Normalize, SearchSpec, SweepSpec, SyntheticData, TrainAxis, TrainKey,
        TrainSpec, Value,
    };

    fn sweep(rates: &[f64]) -> SweepSpec {
        let synthetic =
            SyntheticData { examples: 64, features: vec![2], classes: 2, labels: Labels::Random, seed: None };
        let momentum =
            TrainAxis { key: TrainKey::Momentum, values: vec![Value::Number(0.0), Value::Number(0.9)] };
        let draft = SweepDraft {
            name: None,
            data: DataSpec {
                source: DataSource::Synthetic(synthetic),
                validation: 0,
                limit: None,
                normalize: Normalize::None,
            },
            model: ModelSpec::Linear,
            grid: GridSpec {
                // Neither axis is in order.
                batch_size: BatchSizeAxis::List(vec![32, 4, 8]),
                learning_rate: LearningRateAxis::List(rates.to_vec()),
                train: vec![momentum],
                model: Vec::new(),
                seed: vec![7, 3],
            },
            train: TrainSpec { budget: Some(Budget::Epochs(1)), ..TrainSpec::default() },
            memory: MemorySpec { budget: None, micro_batch: MicroBatchPolicy::Auto },
            search: SearchSpec { goal: Goal::Rows, extend: 1, ..SearchSpec::default() },
        };
        SweepSpec::try_new(draft).unwrap()
    }

    #[test]
    fn trials_of_the_grid_and_past_its_edges_are_known_by_their_keys() {
        let sweep = sweep(&[0.4, 0.1, 0.2]);
        let search = SweepSearch::of(&sweep).unwrap();
        let expanded = expand(&sweep);
        for trial in &expanded {
            let found = search.by_key.get(&trial.key).unwrap();
            assert_eq!(search.planned(*found, trial.index).as_ref(), Some(trial));
        }
        // Two past the edges of three batch sizes, for two momenta and two seeds.
        assert_eq!((expanded.len(), search.by_key.len(), SweepSearch::at_most(&sweep)), (36, 60, Some(60)));
    }

    #[test]
    fn a_search_goes_from_nothing_known_to_every_trial_decided() {
        let sweep = sweep(&[0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6]);
        let search = SweepSearch::of(&sweep).unwrap();
        let keys = expand(&sweep).into_iter().map(|trial| (trial.index, trial.key)).collect();
        let mut state = State { keys, undecided: (0..84).collect(), at_once: 1, ..State::default() };
        for _ in 0..84 {
            let Steps { begin, decisions, is_over } = search.steps(&state);
            if is_over {
                let left_out: Vec<u64> = decisions.iter().map(|decision| decision.index).collect();
                assert_eq!((left_out, begin), (state.undecided.clone(), Vec::new()));
                assert!(!state.undecided.is_empty());
                assert!(decisions.iter().all(|decision| decision.action == Action::Skip));
                return;
            }
            let (trial, decision) = (&begin[0], &decisions[0]);
            assert_eq!((trial.index, decision.action), (decision.index, Action::Begin));
            let is_begun = |place: u64| state.records.iter().any(|record| record.trial_index == place);
            assert!(decision.because.iter().all(|&place| is_begun(place)) && !is_begun(trial.index));
            state.keys.insert(trial.index, trial.key.clone());
            state.undecided.retain(|&place| place != trial.index);
            let (size, rate) = (trial.settings.batch_size.get(), trial.settings.learning_rate.get());
            state.records.push(TrialRecord {
                trial_index: trial.index,
                train_set_loss: Some(1.0 + (rate / 0.2).ln().powi(2)),
                ..TrialRecord::new(size, rate, trial.settings.seed, TrialStatus::Succeeded)
            });
        }
        panic!("no end");
    }
}
