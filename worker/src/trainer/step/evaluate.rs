//! Loss and accuracy over many examples, without training.

use std::ops::Range;

use domain::spec::Loss;
use tch::{Device, Kind, Tensor};

use super::learner::Learner;
use super::loss::Criterion;
use crate::shim::{TorchError, TorchErrorKind};
use crate::trainer::data::Feed;
use crate::trainer::data::dataset::Counted;
use crate::trainer::hosted::OwnMetric;
use crate::trainer::pulse;

/// What some examples come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Mean loss.
    pub loss: f64,
    /// Share of right predictions, 0 to 1; `None` where none is right or wrong.
    pub accuracy: Option<f64>,
    /// Metrics of the model's own, each a mean over terms of its own.
    pub own: Vec<(String, f64)>,
}

/// Evaluates rows of the data in file order, `at_a_time` examples together; these are halved, for good, where they do
/// not fit.
///
/// # Errors
/// [`TorchError`], also when one example at a time does not fit.
pub fn evaluate(
    learner: &mut Learner,
    feed: &mut Feed,
    rows: Range<u64>,
    at_a_time: &mut u64,
) -> Result<Evaluation, TorchError> {
    // They are added up where they arise: the device is waited for once, at the end.
    let mut sums = Sums::default();
    let mut next = rows.start;
    while next < rows.end {
        let count = (*at_a_time).clamp(1, rows.end - next);
        match TorchError::catch(|| evaluate_some(learner, feed, next, count)) {
            Ok(some) => {
                sums.add(some)?;
                next += count;
            }
            Err(error) if error.is_out_of_memory() && count > 1 => *at_a_time = count / 2,
            Err(error) => return Err(error),
        }
    }
    let examples = rows.end - rows.start;
    let counted = feed.counted(rows);
    let totals = sums.fetch()?;
    if learner.criterion.loss() == Loss::Model {
        return Ok(of_own(&totals, sums.own));
    }
    // Where it is not known beforehand, it was counted.
    let counted = if counted == Counted::Unknown { Counted::Some(totals[2] as u64) } else { counted };
    let terms = learner.criterion.terms(examples, counted).unwrap_or(0);
    let predictions = learner.criterion.predictions(examples, counted);
    Ok(Evaluation {
        loss: totals[0] / terms.max(1) as f64,
        accuracy: (predictions > 0).then(|| totals[1] / predictions as f64),
        own: Vec::new(),
    })
}

/// A loss of the model's own is followed by its terms, and so is each metric.
fn of_own(totals: &[f64], names: Vec<String>) -> Evaluation {
    let means: Vec<_> = totals.chunks_exact(2).map(|pair| pair[0] / pair[1]).collect();
    let own = names.into_iter().zip(means.iter().skip(1).copied()).collect();
    Evaluation { loss: means.first().copied().unwrap_or(f64::NAN), accuracy: None, own }
}

/// Sums over some examples, on the device: the loss and how many are right; or of a model's own loss, it and each metric,
/// every sum with its terms.
#[derive(Debug, Default)]
struct Sums {
    numbers: Option<Tensor>,
    /// The names of the metrics.
    own: Vec<String>,
}

impl Sums {
    fn add(&mut self, some: Self) -> Result<(), TorchError> {
        match (&mut self.numbers, some.numbers) {
            (Some(_), Some(_)) if self.own != some.own => {
                return Err(TorchError {
                    kind: TorchErrorKind::UsersCode,
                    message: format!(
                        "loss() gives the metrics {:?} for some examples and {:?} for others; give the same every time",
                        self.own, some.own
                    ),
                });
            }
            (Some(numbers), Some(others)) => {
                let _ = numbers.f_add_(&others)?;
            }
            (numbers, others) => {
                *numbers = others;
                self.own = some.own;
            }
        }
        Ok(())
    }

    fn fetch(&self) -> Result<Vec<f64>, TorchError> {
        let Some(numbers) = &self.numbers else { return Ok(vec![0.0; 3]) };
        let count = numbers.numel();
        let mut totals = vec![0.0; count];
        numbers.f_to_device(Device::Cpu)?.f_copy_data(&mut totals, count)?;
        Ok(totals)
    }
}

fn evaluate_some(learner: &mut Learner, feed: &mut Feed, start: u64, count: u64) -> Result<Sums, TorchError> {
    let examples = feed.rows(start, count)?;
    let double = |number: &Tensor| Ok::<_, TorchError>(number.f_detach()?.f_to_kind(Kind::Double)?);
    let mut own = Vec::new();
    let numbers = if learner.criterion.loss() == Loss::Model {
        let loss = learner.evaluate_own(&examples)?;
        let mut numbers = vec![double(&loss.sum)?, double(&loss.terms)?];
        for OwnMetric { name, sum, terms } in loss.metrics {
            numbers.extend([double(&sum)?, double(&terms)?]);
            own.push(name);
        }
        numbers
    } else {
        let outputs = learner.evaluate(&examples.inputs)?;
        let loss = double(&learner.criterion.sum(&outputs, &examples.targets)?)?;
        let right = match learner.criterion.right(&outputs, &examples.targets)? {
            Some(right) => right,
            None => loss.f_zeros_like()?,
        };
        let mut numbers = vec![loss, right];
        if feed.counted(start..start + count) == Counted::Unknown {
            numbers.push(Criterion::count(&examples.targets)?);
        }
        numbers
    };
    pulse::beat();
    Ok(Sums { numbers: Some(Tensor::f_stack(&numbers, 0)?), own })
}
