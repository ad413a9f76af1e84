//! What the user should know of a trial before it begins.

use domain::TrialSpec;
use domain::run::SeedSets;
use domain::spec::DataSource;

use crate::trainer::data::Dataset;
use crate::trainer::model::Model;
use crate::trainer::step::blueprint::Blueprint;
use crate::trainer::step::course::Course;

/// What was read, and what is to be said of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// What its data is, in words.
    pub data: String,
    /// What may not be as the user thinks.
    pub remarks: Vec<String>,
    /// Where the seed does not set the initial weights: that.
    pub remark_on_weights: Option<String>,
    /// What its seed sets; `None` where no model could be built.
    pub seed_sets: Option<SeedSets>,
}

impl Facts {
    /// What the data alone shows.
    pub fn of_data(dataset: &Dataset) -> Self {
        Self { data: dataset.description(), remarks: dataset.remarks(), ..Self::default() }
    }

    /// Adds what a model shows that was built.
    pub fn with_model(
        mut self,
        (blueprint, model): (&Blueprint, &Model),
        spec: &TrialSpec,
        course: &Course,
        train_examples: u64,
    ) -> Self {
        let from_seed =
            matches!(&spec.data.source, DataSource::Synthetic(synthetic) if synthetic.seed.is_none());
        self.remarks.extend(blueprint.remarks(model));
        self.remark_on_weights = blueprint.remark_on_weights(model);
        self.seed_sets = Some(SeedSets {
            data: from_seed,
            weights: model.is_seeded(),
            // All examples in one batch have no order but for rounding.
            order: spec.settings.train.shuffle && course.effective_batch_size() < train_examples,
        });
        self
    }
}
