//! Whether anybody is there to train.

use proto::v1::{Sweep, SweepState, View};

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

/// Said where no worker runs.
pub const NONE_RUNS: &str = "no worker is running";

impl Presence {
    /// Whether trials of the sweep wait, and no worker runs that could take them. False where that cannot be found out.
    pub async fn waits_in_vain(&self, client: &Client, sweep: &Sweep) -> bool {
        let counts = sweep.counts.unwrap_or_default();
        sweep.state() == SweepState::Active
            && counts.pending + counts.running > 0
            && !self.has_worker(client).await
    }

    async fn has_worker(&self, client: &Client) -> bool {
        let is_local = match self {
            Self::Nobody => return false,
            Self::Local(state) if !Record::load(state).workers.is_empty() => return true,
            Self::Local(_) => true,
            Self::Unknown => false,
        };
        let Ok(workers) = rows::list(&mut client.clone(), View::Worker, "", "").await else {
            return true;
        };
        (0..workers.rows.len()).any(|row| {
            // The coordinator takes a local one that is gone for a living one for some seconds.
            let is_gone = is_local && workers.text(row, "worker").unwrap_or_default().starts_with("local-");
            workers.text(row, "status") != Some("lost") && !is_gone
        })
    }
}
