//! Nothing lost, nothing counted twice: real coordinators, workers, trainers and Postgres, and every fault that a network or
//! a machine can have. Needs the worker beside the coordinator: `cargo build` (all crates) makes it.
//!
//! `BATCHSWEEP_CHAOS_SECONDS` makes it longer, `BATCHSWEEP_CHAOS_SEED` repeats the faults that a failure names.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test, a panic is how to fail")]

mod random;

mod fleet;
mod postgres;
mod trainer;

mod database;
mod mutation;
mod proxy;

mod oracle;
mod work;

mod cluster;
mod plan;
mod storm;

use std::time::Duration;

use database::Fence;
use storm::{Report, blow};
use tokio::sync::{Mutex, MutexGuard};
use work::Work;

/// One storm at a time: two at once would starve each other's workers.
async fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

fn seed() -> u64 {
    let chosen = std::env::var("BATCHSWEEP_CHAOS_SEED").ok();
    chosen.map_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0, |seed| seed.parse().unwrap())
}

/// How long a storm is that takes so many seconds in the suite.
fn length(seconds: u64) -> Duration {
    let chosen = std::env::var("BATCHSWEEP_CHAOS_SECONDS").ok();
    Duration::from_secs(chosen.map_or(seconds, |seconds| seconds.parse().unwrap()))
}

async fn withstood(seconds: u64, work: Work) -> Report {
    let _turn = turn().await;
    let seed = seed();
    eprintln!("BATCHSWEEP_CHAOS_SEED={seed}");
    let report = blow(seed, length(seconds), work, Fence::Up).await;
    let report = report.unwrap_or_else(|broken| panic!("seed {seed}: {broken:#?}"));
    eprintln!("{report:?}");
    assert!(report.trials > 0 && report.looks > 0, "seed {seed}: nothing was done");
    for (fault, count) in &report.fired {
        assert!(*count > 0, "seed {seed}: {fault:?} never happened");
    }
    assert!(report.stale > 0, "seed {seed}: no worker came back too late");
    assert!(report.turmoil.repeated > 0, "seed {seed}: no trial needed a second attempt");
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn each_trial_has_one_result_and_it_is_its_own_whatever_is_killed_or_cut_off() {
    let turmoil = withstood(40, Work::Numbers).await.turmoil;
    assert!(turmoil.lost > 0 && turmoil.crashed > 0, "{turmoil:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn libtorch_trains_the_same_bits_whatever_is_killed_or_cut_off() {
    // Each fault once.
    withstood(0, Work::Training).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_fence_the_coordinator_does_not_withstand_the_same_storm() {
    let _turn = turn().await;
    let seed = seed();
    let broken = blow(seed, length(40), Work::Numbers, Fence::Down).await;
    let broken = broken.err().unwrap_or_else(|| panic!("seed {seed}: the fence was down and nobody noticed"));
    eprintln!("{broken:#?}");
}
