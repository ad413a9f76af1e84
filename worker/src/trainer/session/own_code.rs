//! What is found out of a model of the user's own on the first examples, before its memory is planned.

use domain::problem::Task;
use domain::spec::Normalize;

use crate::shim::TorchError;
use crate::trainer::data::dataset::Scaling;
use crate::trainer::data::{Dataset, Feed};
use crate::trainer::error::{Doing, TrialError};
use crate::trainer::step::blueprint::Blueprint;
use crate::trainer::step::exactness;
use crate::trainer::step::learner::Learner;
use crate::trainer::step::whole_numbers;

/// Examples that a module is tried on.
const LOOKED_AT: u64 = 4;

/// A model of the user's own, and what it is to learn.
#[derive(Debug, Clone, Copy)]
pub(super) struct OwnCode<'a> {
    pub blueprint: &'a Blueprint,
    pub task: &'a Task,
    pub data: &'a Dataset,
    pub normalize: Normalize,
}

impl OwnCode<'_> {
    /// Refuses what would be trained wrongly, and finds out whether splitting a batch is exact; gives what is to be said of
    /// the inputs.
    pub fn look(&self, learner: &mut Learner, feed: &mut Feed) -> Result<Option<String>, TrialError> {
        let train_examples = self.data.shape.train_examples;
        let remark = if *self.task == Task::OwnLoss {
            self.look_at_loss(learner, feed)?;
            None
        } else {
            self.look_at_inputs(learner, feed)?
        };
        let inexact = exactness::check(learner, feed, train_examples)
            .doing("comparing the gradients of a split batch")?;
        learner.model.set_inexact(inexact);
        if exactness::refuses_one_example(learner, feed).doing("trying the module on one example")? {
            learner.model.set_needs_two_examples();
        }
        Ok(remark)
    }

    /// Refuses a loss of the model's own that is no sum with its terms: split, it would be another one. Where memory is too
    /// short to find out, so be it.
    fn look_at_loss(&self, learner: &mut Learner, feed: &mut Feed) -> Result<(), TrialError> {
        let train_examples = self.data.shape.train_examples;
        match TorchError::catch(|| exactness::loss_fault(learner, feed, train_examples)) {
            Ok(Some(fault)) => Err(self.blueprint.refuse_loss(fault)),
            Err(error) if !error.is_out_of_memory() => {
                Err(error).doing("trying the loss on the first examples")
            }
            Ok(None) | Err(_) => Ok(()),
        }
    }

    /// Refuses scaled inputs for a module that sees only their whole part. Where memory is too short to find out, so be it.
    fn look_at_inputs(&self, learner: &mut Learner, feed: &mut Feed) -> Result<Option<String>, TrialError> {
        let examples = self.data.shape.train_examples.min(LOOKED_AT);
        let ignores_fractions = TorchError::catch(|| {
            let examples = feed.epoch_examples(0, examples)?;
            match &examples.inputs[..] {
                [input] if input.is_floating_point() => {
                    whole_numbers::ignores_fractions(&mut learner.model, input)
                }
                _ => Ok(false),
            }
        });
        match ignores_fractions {
            Ok(true) if self.data.scalings.iter().any(|scaling| *scaling != Scaling::None) => {
                Err(self.blueprint.refuse_scaled(self.normalize))
            }
            Ok(true) => {
                let remark = "the module sees only the whole part of its inputs, as an embedding does, and the data holds \
                              fractions: were they scaled when they were saved?";
                Ok(Some(remark.to_owned()))
            }
            Err(error) if !error.is_out_of_memory() => {
                Err(error).doing("trying the module on the first examples")
            }
            Ok(false) | Err(_) => Ok(None),
        }
    }
}
