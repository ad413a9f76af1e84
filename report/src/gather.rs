//! From rows to an analysis, for the command and the live page alike: rows of view `result` become records, curves add
//! what only they know, and `domain::analysis` says what it all comes to.

use domain::analysis::{self, Analysis, TrialRecord};
use domain::spec::TrainSpec;

use crate::table::Table;
use crate::{evaluations, records};

/// A sweep's rows, before what only its curves know.
#[derive(Debug, Clone)]
pub struct Gathering {
    results: Table,
    records: Vec<TrialRecord>,
    train: Option<TrainSpec>,
}

/// A sweep's rows with what they come to.
#[derive(Debug, Clone)]
pub struct Gathered {
    /// Rows of view `result`, one a trial.
    pub results: Table,
    /// The same rows, in the same order, as the analysis reads them.
    pub records: Vec<TrialRecord>,
    /// What they come to.
    pub analysis: Analysis,
}

impl Gathering {
    /// From the rows of view `result`. `train` is what the sweep asked for; `None` where a newer coordinator's sweep holds
    /// what this build does not know.
    #[must_use]
    pub fn new(results: Table, train: Option<TrainSpec>) -> Self {
        Self { records: records::records(&results), results, train }
    }

    /// The statement to run for [`Self::analyze`]; `None` where the analysis wants nothing of the curves.
    #[must_use]
    pub fn query(&self, sweep_id: &str) -> Option<String> {
        let target = self.train.as_ref()?.target?;
        evaluations::sql(sweep_id, target.metric, &self.records)
    }

    /// The analysis, with the rows of [`Self::query`]; without rows, it knows less about when trials met their target.
    #[must_use]
    pub fn analyze(self, evaluation_gaps: &Table) -> Gathered {
        let Self { results, mut records, train } = self;
        evaluations::add(&mut records, evaluation_gaps);
        let analysis = analysis::analyze(&records, train.as_ref());
        Gathered { results, records, analysis }
    }
}
