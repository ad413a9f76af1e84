//! `stop = true`: a running trial ends once it can no longer become the best of its row. It is compared with finished trials of
//! its own row only, after as many examples: rungs across rows would favour the batch sizes that learn faster at first.

use std::collections::BTreeMap;

use super::Search;
use super::decision::{Action, Decision, Reason};
use super::known::{Known, Standing};
use super::space::Trial;
use super::status::ended;
use super::walk::Row;

/// How a trial has gone so far.
#[derive(Debug, Clone, PartialEq)]
pub enum Course {
    /// At each evaluation: the examples seen, ascending, and the score. Lower is better.
    Scores(Vec<(u64, f64)>),
    /// Where the score is the steps to the target: the steps done without meeting it.
    Steps(u64),
}

/// A trial is given this many times the largest gain that any finished trial of its row still made from there, or this many times the
/// steps of the best where repeats may show that another cell is.
const MARGIN: f64 = 1.25;

/// Share of the best trial's examples before which nothing is stopped: early losses say little about the end.
const EARLIEST: f64 = 0.25;

/// Finished trials of the row that are needed: one does not show how much such trials still gain.
const FINISHED: usize = 2;

/// Evaluations in a row that must say the same.
const CONFIRMED: usize = 2;

impl Search {
    /// The running trials to end now, each with the finished trials of its row that it was compared with. `courses` holds those
    /// that run and those that have finished; a trial without one is neither stopped nor compared with. Scores of
    /// [`super::Better::Higher`] are given negated.
    #[must_use]
    pub fn stops(&self, known: &Known, courses: &BTreeMap<Trial, Course>) -> Vec<Decision> {
        if !self.spec.stop {
            return Vec::new();
        }
        let running = courses.iter().filter(|(trial, _)| known.get(**trial) == Some(Standing::Open));
        running.filter_map(|(&trial, course)| self.stop(known, courses, trial, course)).collect()
    }

    fn stop(
        &self,
        known: &Known,
        courses: &BTreeMap<Trial, Course>,
        trial: Trial,
        course: &Course,
    ) -> Option<Decision> {
        let sheet = self.sheet(known);
        let row = Row { sheet: &sheet, group: trial.cell.group, row: trial.cell.row };
        let best = row.best()?;
        let (best, lowest) = (row.cell(best), row.score(best)?);
        // Another seed of the best cell shows how far seeds lie apart, however bad it is.
        if trial.cell == best {
            return None;
        }
        let of_row = |other: &Trial| other.cell.group == trial.cell.group && other.cell.row == trial.cell.row;
        let finished = courses
            .iter()
            .filter(|(other, _)| of_row(other) && matches!(known.get(**other), Some(Standing::Scored(_))));
        let finished: Vec<(Trial, &Course)> = finished.map(|(trial, course)| (*trial, course)).collect();
        let is_hopeless = match course {
            // Steps only grow, but which cell needs the fewest is not known well before it has its repeats.
            Course::Steps(steps) => {
                let margin = if self.space.seeds() > 1 { MARGIN } else { 1.0 };
                *steps as f64 > margin * lowest
            }
            Course::Scores(scores) => {
                let others: Vec<&[(u64, f64)]> =
                    finished.iter().filter_map(|(_, course)| scores_of(course)).collect();
                is_hopeless(scores, &others, lowest)
            }
        };
        let compared = finished.iter().map(|(trial, _)| trial.cell).chain([best]).collect();
        let because = ended(&self.space, known, compared);
        is_hopeless.then_some(Decision { action: Action::Stop, trial, reason: Reason::Hopeless, because })
    }
}

fn scores_of(course: &Course) -> Option<&[(u64, f64)]> {
    match course {
        Course::Scores(scores) => Some(scores),
        Course::Steps(_) => None,
    }
}

/// Whether it would end above the lowest score of the row even if it still gained [`MARGIN`] times as much as the finished trial
/// that gained most from there.
fn is_hopeless(running: &[(u64, f64)], finished: &[&[(u64, f64)]], lowest: f64) -> bool {
    let is_above = |&(examples, score): &(u64, f64)| {
        let gains: Vec<f64> = finished.iter().filter_map(|scores| gain_from(scores, examples)).collect();
        let largest = gains.iter().copied().fold(0.0, f64::max);
        gains.len() >= FINISHED && score - MARGIN * largest > lowest
    };
    running.len() >= CONFIRMED && running[running.len() - CONFIRMED..].iter().all(is_above)
}

/// How much a finished trial's score still fell after so many examples, by linear interpolation between its evaluations.
fn gain_from(scores: &[(u64, f64)], examples: u64) -> Option<f64> {
    let &(last, end) = scores.last()?;
    if (examples as f64) < EARLIEST * last as f64 {
        return None;
    }
    let after = scores.iter().position(|(seen, _)| *seen >= examples)?;
    let (right, score_right) = scores[after];
    let score = match after.checked_sub(1).map(|before| scores[before]) {
        Some((left, score_left)) if right > left => {
            let share = (examples - left) as f64 / (right - left) as f64;
            score_left + share * (score_right - score_left)
        }
        _ => score_right,
    };
    Some(score - end)
}
