//! One sweep with its results, and what they come to.

use domain::spec::SweepDraft;
use proto::Wire;
use proto::v1::{GetSweepRequest, QueryRequest, Sweep, View};
use report::Table;
use report::gather::{Gathered, Gathering};

use crate::coordinator::rows;
use crate::coordinator::session::Session;
use crate::failure::Failure;

/// A sweep, analysed.
#[derive(Debug, Clone)]
pub struct AnalyzedSweep {
    /// Its state and counts, as the coordinator gave them.
    pub sweep: Sweep,
    /// What it asked for; `None` where a newer coordinator's sweep holds what this build does not know.
    pub settings: Option<SweepDraft>,
    /// Its results and what they come to.
    pub gathered: Gathered,
}

/// Fetches a sweep by id, unique prefix, name or `@last`, and analyses its results.
///
/// # Errors
/// When there is no such sweep, or the coordinator does not answer.
pub async fn fetch(session: &Session, sweep: &str) -> Result<AnalyzedSweep, Failure> {
    let mut client = session.client.clone();
    let request = GetSweepRequest { sweep: sweep.to_owned() };
    let answer = client.get_sweep(request).await.map_err(|status| session.refused(&status))?;
    let sweep = answer.into_inner().sweep.unwrap_or_default();
    // By id: `@last` may be another sweep by now.
    let results = rows::list(&mut client, View::Result, &sweep.sweep_id, "").await;
    let results = results.map_err(|status| session.refused(&status))?;
    let settings = sweep.spec.clone().and_then(|spec| SweepDraft::from_wire(spec).ok());
    let gathering = Gathering::new(results, settings.as_ref().map(|settings| settings.train.clone()));
    let mut gaps = Table::default();
    // Where the curves cannot be queried, the analysis goes without them.
    if let Some(sql) = gathering.query(&sweep.sweep_id)
        && let Ok(answer) = client.query(QueryRequest { sql }).await
    {
        gaps = proto::table::from_wire(answer.into_inner().table.unwrap_or_default());
    }
    Ok(AnalyzedSweep { sweep, settings, gathered: gathering.analyze(&gaps) })
}

impl AnalyzedSweep {
    /// What to call the sweep: its name, else its id.
    #[must_use]
    pub fn name(&self) -> &str {
        if self.sweep.name.is_empty() { &self.sweep.sweep_id } else { &self.sweep.name }
    }
}
