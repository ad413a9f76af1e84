//! Brings what a trial's trainer found out to the coordinator, and hears whether it trains on the sweep's data.

use std::time::Duration;

use domain::spec::DataSpec;
use proto::{Wire, v1};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tonic::Status;
use tracing::Instrument;

use super::coordinator::{Coordinator, Retry};

/// The findings of one attempt on their way. What is found is told at once, and again until it is answered, while the
/// trainer trains on.
#[derive(Debug)]
pub struct FindingsLink {
    found: mpsc::UnboundedSender<v1::Findings>,
    other_data: watch::Receiver<Option<OtherData>>,
    task: JoinHandle<()>,
}

/// The files here are not those that the sweep's other trials are trained on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the data at {path} on this worker has SHA-256 {found}, but this sweep's other trials are trained on {expected}; bring \
     the same files to every worker, or submit the sweep anew to train on these"
)]
pub struct OtherData {
    /// Where the data is.
    pub path: String,
    /// The hash of the files here.
    pub found: String,
    /// The hash of the sweep's.
    pub expected: String,
}

impl FindingsLink {
    /// For the attempt that this trial was leased for.
    #[must_use]
    pub fn start(coordinator: Coordinator, leased: &v1::LeasedTrial) -> Self {
        let (found, received) = mpsc::unbounded_channel();
        let (differs, other_data) = watch::channel(None);
        let data = Data { path: path_of(leased), expected: leased.data_sha256.clone() };
        let lease = leased.lease.clone().unwrap_or_default();
        let task = tokio::spawn(bring(coordinator, lease, data, received, differs).in_current_span());
        Self { found, other_data, task }
    }

    /// Takes findings in.
    pub fn send(&self, findings: v1::Findings) {
        // The other end is gone only when the lease is.
        let _ = self.found.send(findings);
    }

    /// Waits until the data turns out to be another's; for ever, where it never does. Safe to drop and call again.
    pub async fn other_data(&mut self) -> OtherData {
        match self.other_data.wait_for(Option::is_some).await.map(|found| found.clone()) {
            Ok(Some(found)) => found,
            // Nothing more will be told.
            _ => std::future::pending().await,
        }
    }

    /// Waits until everything is told; the reason if the data turned out to be another's.
    pub async fn finish(self) -> Option<OtherData> {
        drop(self.found);
        // A task that broke off had nothing to say that the trial depends on.
        let _ = self.task.await;
        self.other_data.borrow().clone()
    }

    /// Forgets whatever was not told yet: the lease is lost.
    pub fn abandon(self) {
        self.task.abort();
    }
}

/// Which files a trial is to be trained on.
struct Data {
    path: String,
    /// Empty while the sweep has no hash.
    expected: String,
}

impl Data {
    fn differs(&self, found: &str) -> Option<OtherData> {
        let differs = !found.is_empty() && !self.expected.is_empty() && found != self.expected;
        differs.then(|| OtherData {
            path: self.path.clone(),
            found: found.to_owned(),
            expected: self.expected.clone(),
        })
    }
}

async fn bring(
    coordinator: Coordinator,
    lease: v1::Lease,
    mut data: Data,
    mut received: mpsc::UnboundedReceiver<v1::Findings>,
    differs: watch::Sender<Option<OtherData>>,
) {
    while let Some(findings) = received.recv().await {
        let found = findings.data_sha256.clone();
        let request = v1::ReportFindingsRequest { lease: Some(lease.clone()), findings: Some(findings) };
        let known = data.differs(&found);
        if known.is_some() {
            differs.send_replace(known);
        }
        let answer: Result<v1::ReportFindingsResponse, Status> = coordinator
            .call(Retry::UntilAnswered, Duration::from_secs(10), |mut client| {
                let request = request.clone();
                async move { client.report_findings(request).await }
            })
            .await;
        match answer {
            Ok(answer) => {
                data.expected = answer.data_sha256;
                let other = data.differs(&found);
                if other.is_some() {
                    differs.send_replace(other);
                }
            }
            // Whether the lease is ours is the heartbeat's to tell; others can do without these findings.
            Err(status) => tracing::warn!(trial = lease.trial_id, "findings not taken: {}", status.message()),
        }
    }
}

/// The file or folder that the trial's examples come from.
fn path_of(leased: &v1::LeasedTrial) -> String {
    let data = leased.spec.as_ref().and_then(|spec| spec.data.clone());
    let data = data.and_then(|data| DataSpec::from_wire(data).ok());
    data.and_then(|data| data.source.path().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_told_with_both_hashes_and_where_they_are() {
        let data = Data { path: "mnist".to_owned(), expected: "aa11".to_owned() };
        assert_eq!(data.differs("aa11"), None);
        assert_eq!(data.differs(""), None, "synthetic data has no files");
        let message = data.differs("bb22").unwrap().to_string();
        for part in ["mnist", "aa11", "bb22", "same files"] {
            assert!(message.contains(part), "{message}");
        }
        let unknown = Data { expected: String::new(), ..data };
        assert_eq!(unknown.differs("bb22"), None, "this worker's files are the first");
    }
}
