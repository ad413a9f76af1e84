//! The search of a sweep, as whoever keeps its trials asks it: by their places in the grid.

use std::collections::BTreeMap;

use super::Search;
use super::decision::{Action, Decision};
use super::known::{Better, Known, Standing};
use super::places::Places;
use super::space::{Space, Trial};
use super::status::Skipped;
use super::stop::Course;
use crate::PlannedTrial;
use crate::analysis::{ScoreMetric, TrialRecord};
use crate::grid;
use crate::spec::SweepDraft;
use crate::units::{BatchSize, LearningRate};

/// A sweep with `[search]`.
#[derive(Debug, Clone)]
pub struct SweepSearch<'a> {
    sweep: &'a SweepDraft,
    search: Search,
    places: Places,
}

/// What the next steps depend on, by the places of trials in the grid.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
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
    /// Trials to begin, the most useful first.
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
        let places = Places::of(&sweep.grid, &space);
        Some(Self { sweep, search: Search::new(sweep.search, space), places })
    }

    /// The most trials that are begun, whatever the results.
    #[must_use]
    pub fn at_most(&self) -> u64 {
        self.search.at_most_left(&Known::new(Better::Lower))
    }

    /// What to do now.
    #[must_use]
    pub fn steps(&self, state: &State) -> Steps {
        let known = self.known(&state.records);
        let next = self.search.next(&known, state.at_once);
        let is_over = next.is_empty() && known.open() == 0;
        let begin: Vec<PlannedTrial> =
            next.iter().filter_map(|decision| self.planned(decision.trial)).collect();
        let mut decisions: Vec<DecisionAt> = next
            .into_iter()
            .chain(self.stops(&known, state))
            .filter_map(|Decision { action, trial, reason, because }| {
                self.at(trial, action, reason.word(), &because)
            })
            .collect();
        if is_over {
            let trials: Vec<Trial> = state.undecided.iter().filter_map(|&place| self.trial(place)).collect();
            let skipped = self.search.why_none(&known, &trials).into_iter();
            decisions.extend(skipped.filter_map(|(trial, Skipped { why, because })| {
                self.at(trial, Action::Skip, why.word(), &because)
            }));
        }
        Steps { begin, decisions, is_over }
    }

    fn stops(&self, known: &Known, state: &State) -> Vec<Decision> {
        let courses = state.courses.iter();
        let courses = courses.filter_map(|(&place, course)| Some((self.trial(place)?, course.clone())));
        let mut stops = self.search.stops(known, &courses.collect());
        stops.retain(|stop| state.ending.iter().all(|&place| self.trial(place) != Some(stop.trial)));
        stops
    }

    fn known(&self, records: &[TrialRecord]) -> Known {
        let metric = ScoreMetric::of(records, Some(&self.sweep.train));
        let mut known = Known::new(Better::Lower);
        for record in records {
            if let Some((trial, standing)) = self.trial(record.trial_index).zip(Standing::of(record, metric))
            {
                known.set(trial, standing);
            }
        }
        known
    }

    fn trial(&self, place: u64) -> Option<Trial> {
        self.places.trial(self.search.space(), place)
    }

    fn at(
        &self,
        trial: Trial,
        action: Action,
        reason: &'static str,
        because: &[Trial],
    ) -> Option<DecisionAt> {
        let place = |trial| self.places.place(self.search.space(), trial);
        let because = because.iter().filter_map(|&trial| place(trial)).collect();
        Some(DecisionAt { index: place(trial)?, action, reason, because })
    }

    fn planned(&self, trial: Trial) -> Option<PlannedTrial> {
        let space = self.search.space();
        let index = self.places.place(space, trial)?;
        let batch_size = BatchSize::try_new(space.batch_size(trial.cell.row)).ok()?;
        let learning_rate = LearningRate::try_new(space.learning_rate(trial.cell)?).ok()?;
        let combinations = self.sweep.grid.combinations();
        let combination = combinations.get(trial.cell.group)?;
        grid::trial(self.sweep, index, (batch_size, learning_rate), combination, space.seed(trial)?)
    }
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
    fn trials_of_the_grid_are_those_of_its_expansion_and_others_follow() {
        let sweep = sweep(&[0.4, 0.1, 0.2]);
        let search = SweepSearch::of(&sweep).unwrap();
        let expanded = expand(&sweep);
        for planned in &expanded {
            assert_eq!(search.planned(search.trial(planned.index).unwrap()).as_ref(), Some(planned));
        }
        let all = expanded.len() as u64..;
        let past: Vec<PlannedTrial> =
            all.map_while(|place| search.trial(place)).map(|trial| search.planned(trial).unwrap()).collect();
        // Two past the edges of three batch sizes, for two momenta and two seeds.
        assert_eq!((expanded.len(), past.len()), (36, 24));
        assert_eq!(past[0].index, 36);
        assert!(past.iter().all(|trial| [0.05, 0.8].contains(&trial.settings.learning_rate.get())));
        let mut keys: Vec<&String> = expanded.iter().chain(&past).map(|trial| &trial.key).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 60);
        assert_eq!(search.at_most(), 60);
    }

    #[test]
    fn a_search_goes_from_nothing_known_to_every_trial_decided() {
        let sweep = sweep(&[0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6]);
        let search = SweepSearch::of(&sweep).unwrap();
        let mut state = State { undecided: (0..84).collect(), at_once: 1, ..State::default() };
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
