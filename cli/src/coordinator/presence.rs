//! Whether anybody is there to train.

use std::fmt;

use domain::spec::SweepDraft;
use domain::table::Table;
use proto::Wire;
use proto::v1::{GetSweepRequest, Sweep, SweepState, View};

use crate::coordinator::client::Client;
use crate::coordinator::rows;
use crate::local::StateDir;
use crate::local::record::Record;

/// What is known of workers besides what the coordinator says of them.
#[derive(Debug, Clone)]
pub enum Presence {
    /// Nothing: the coordinator was named.
    Unknown,
    /// Those of the stack on this machine, which its record shows as they come and go.
    Local(StateDir),
    /// The coordinator was started to answer this command alone: there is none.
    Nobody,
}

/// Why no worker can take a sweep's trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// There is none.
    NoWorker,
    /// The model is code of its user's, and none was started to run such.
    NoneAllowsCode,
}

impl Lack {
    /// The command that mends it.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::NoWorker => "batchsweep up",
            Self::NoneAllowsCode => "batchsweep-worker --allow-code",
        }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoWorker => "no worker is running",
            Self::NoneAllowsCode => {
                "the model is code, and no worker that runs was started with --allow-code"
            }
        })
    }
}

impl Presence {
    /// Why trials of the sweep wait for ever: nobody is there who could take them. `None` too where that cannot be found out.
    pub async fn lack(&self, client: &Client, sweep: &Sweep) -> Option<Lack> {
        let counts = sweep.counts.unwrap_or_default();
        if sweep.state() != SweepState::Active || counts.undecided + counts.pending + counts.running == 0 {
            return None;
        }
        let is_local = match self {
            Self::Nobody => return Some(Lack::NoWorker),
            // They run code of users, and the coordinator may not have heard of them yet.
            Self::Local(state) if !Record::load(state).workers.is_empty() => return None,
            Self::Local(_) => true,
            Self::Unknown => false,
        };
        let workers = rows::list(&mut client.clone(), View::Worker, "", "").await.ok()?;
        let living: Vec<usize> =
            (0..workers.rows.len()).filter(|&row| is_alive(&workers, row, is_local)).collect();
        if living.is_empty() {
            return Some(Lack::NoWorker);
        }
        let allows_code = living.iter().any(|&row| workers.text(row, "allows_code") != Some("false"));
        (!allows_code && runs_code(client, sweep).await).then_some(Lack::NoneAllowsCode)
    }
}

fn is_alive(workers: &Table, row: usize, is_local: bool) -> bool {
    // The coordinator takes a local one that is gone for a living one for some seconds.
    let is_gone = is_local && workers.text(row, "worker").unwrap_or_default().starts_with("local-");
    workers.text(row, "status") != Some("lost") && !is_gone
}

/// Whether the sweep runs code of its user's.
async fn runs_code(client: &Client, sweep: &Sweep) -> bool {
    let request = GetSweepRequest { sweep: sweep.sweep_id.clone() };
    let found = client.clone().get_sweep(request).await.ok().and_then(|answer| answer.into_inner().sweep);
    let spec = found.and_then(|sweep| sweep.spec);
    spec.and_then(|spec| SweepDraft::from_wire(spec).ok()).is_some_and(|sweep| sweep.runs_code())
}
