//! The storm: faults of every kind, in an order that follows from a seed, on a cluster that works all the while.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use crate::cluster::{Broken, Cluster, STALE};
use crate::database::Fence;
use crate::oracle::Turmoil;
use crate::plan::{self, FAULTS, Fault};
use crate::work::Work;

/// No wait, for somebody to hit or for the end of all trials, is longer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What Postgres says to one who begins a transaction on a connection that was put back with an open one.
const OPEN_TRANSACTION: &str = "there is already a transaction in progress";

/// What a storm that broke nothing saw.
#[derive(Debug)]
pub struct Report {
    pub trials: i64,
    /// How often each kind of fault happened.
    pub fired: Vec<(Fault, usize)>,
    /// How often a worker was told that it came too late.
    pub stale: usize,
    pub turmoil: Turmoil,
    /// How often all rules were looked at and held.
    pub looks: usize,
}

/// Blows for so long, at least until each fault has had its turn. `Err` tells what was broken.
pub async fn blow(seed: u64, length: Duration, work: Work, fence: Fence) -> Result<Report, Broken> {
    let folder = tempfile::tempdir().unwrap();
    // Root's temporary folders are closed to the database's user.
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let mut cluster = Cluster::start(folder.path(), work, fence).await;
    let report = weather(&mut cluster, seed, length, work).await;
    if fence == Fence::Down {
        assert!(cluster.database.rewritten() > 0, "no statement lost its fence");
    }
    cluster.end().await;
    if report.is_err() && fence == Fence::Up {
        eprintln!("the logs are kept in {}", folder.keep().display());
    }
    report
}

async fn weather(cluster: &mut Cluster, seed: u64, length: Duration, work: Work) -> Result<Report, Broken> {
    // Before the first fault all are at work; and there is what training in the storm is to be compared with.
    while cluster.submitted == 0 {
        cluster.submit().await;
        cluster.tend().await?;
    }
    calm(cluster).await?;
    let started = Instant::now();
    for number in 0.. {
        for strike in plan::round(seed, number) {
            if number > 0 && started.elapsed() > length {
                return settle(cluster, work).await;
            }
            let ready = Instant::now();
            while !cluster.cause(strike).await? {
                cluster.tend_and_submit().await?;
                if ready.elapsed() > PATIENCE {
                    return Err(vec![format!(
                        "for {PATIENCE:?} there was nobody to hit with {:?}",
                        strike.fault
                    )]);
                }
            }
            eprintln!("{:6.1} s {:?}", started.elapsed().as_secs_f64(), strike.fault);
            let struck = Instant::now();
            while struck.elapsed() < strike.pause {
                cluster.tend_and_submit().await?;
            }
        }
    }
    unreachable!("rounds have no end")
}

/// Lets the cluster finish its work without further faults.
async fn calm(cluster: &mut Cluster) -> Result<(), Broken> {
    let started = Instant::now();
    while !cluster.is_done().await {
        cluster.tend().await?;
        if started.elapsed() > PATIENCE {
            let open = cluster.oracle.count(&["undecided", "pending", "running", "failed"]).await;
            return Err(vec![format!("not done after {PATIENCE:?}: {open:?} trials")]);
        }
    }
    Ok(())
}

/// Lets everything end, and looks at all that is stored then.
async fn settle(cluster: &mut Cluster, work: Work) -> Result<Report, Broken> {
    calm(cluster).await?;
    let broken = cluster.oracle.broken().await.unwrap();
    let differences = cluster.oracle.differences(work).await;
    let mut wrong = [broken, differences].concat();
    if cluster.fleet.coordinators_said(OPEN_TRANSACTION) > 0 {
        wrong.push(format!("a coordinator was told: {OPEN_TRANSACTION}"));
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let trials = cluster.oracle.count(&["succeeded"]).await.unwrap();
    assert_eq!(trials.unsigned_abs(), cluster.submitted, "each submission made one sweep");
    let fired = FAULTS.map(|fault| {
        let count = match fault {
            Fault::Lose(cut) => cluster.proxy.count(cut),
            Fault::LoseCommit => cluster.database.lost(),
            fault => cluster.fired.iter().filter(|fired| **fired == fault).count(),
        };
        (fault, count)
    });
    Ok(Report {
        trials,
        fired: fired.to_vec(),
        stale: cluster.fleet.workers_said(STALE),
        turmoil: cluster.oracle.turmoil().await,
        looks: cluster.looks,
    })
}
