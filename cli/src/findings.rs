//! One sweep with its results, and what they say.

use domain::analysis::{self, Analysis, TrialRecord};
use domain::spec::SweepDraft;
use proto::Wire;
use proto::v1::{GetSweepRequest, QueryRequest, Sweep, View};
use report::{Table, evaluations, records};

use crate::coordinator::rows;
use crate::coordinator::session::Session;
use crate::failure::Failure;

/// A sweep, analysed.
#[derive(Debug, Clone)]
pub struct Findings {
    /// The sweep.
    pub sweep: Sweep,
    /// What it asked for; `None` where a newer coordinator speaks of things that this command does not know.
    pub settings: Option<SweepDraft>,
    /// Its rows of view `result`.
    pub results: Table,
    /// What they say.
    pub analysis: Analysis,
}

/// Fetches a sweep by id, unique prefix, name or `@last`, and analyses its results.
///
/// # Errors
/// When there is no such sweep, or the coordinator does not answer.
pub async fn fetch(session: &Session, sweep: &str) -> Result<Findings, Failure> {
    let mut client = session.client.clone();
    let request = GetSweepRequest { sweep: sweep.to_owned() };
    let answer = client.get_sweep(request).await.map_err(|status| session.refused(&status))?;
    let sweep = answer.into_inner().sweep.unwrap_or_default();
    // By id: `@last` may be another sweep by now.
    let results = rows::list(&mut client, View::Result, &sweep.sweep_id, "").await;
    let results = results.map_err(|status| session.refused(&status))?;
    let settings = sweep.spec.clone().and_then(|spec| SweepDraft::from_wire(spec).ok());
    let mut records = records::records(&results);
    add_evaluation_gaps(session, &sweep.sweep_id, settings.as_ref(), &mut records).await;
    let analysis = analysis::analyze(&records, settings.as_ref().map(|settings| &settings.train));
    Ok(Findings { sweep, settings, results, analysis })
}

/// What the analysis takes from the curves. Where they cannot be asked, it goes without.
async fn add_evaluation_gaps(
    session: &Session,
    sweep_id: &str,
    settings: Option<&SweepDraft>,
    records: &mut [TrialRecord],
) {
    let Some(target) = settings.and_then(|settings| settings.train.target) else { return };
    let Some(sql) = evaluations::sql(sweep_id, target.metric, records) else { return };
    if let Ok(answer) = session.client.clone().query(QueryRequest { sql }).await {
        evaluations::add(records, &rows::table(answer.into_inner().table.unwrap_or_default()));
    }
}

impl Findings {
    /// What to call the sweep: its name, else its id.
    #[must_use]
    pub fn name(&self) -> &str {
        if self.sweep.name.is_empty() { &self.sweep.sweep_id } else { &self.sweep.name }
    }
}
