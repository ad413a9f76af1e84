//! Records, findings and checkpoints on their way.

use std::time::{Duration, Instant};

use proto::MAX_RECORDS;
use proto::v1::{self, MetricName, MetricPoint, Record, record};
use tokio::sync::watch;
use worker::agent::checkpoint::Checkpointing;
use worker::agent::checkpoint::link::CheckpointLink;
use worker::agent::checkpoint::store::CheckpointStore;
use worker::agent::coordinator::Coordinator;
use worker::agent::findings::FindingsLink;
use worker::agent::spool::Spool;
use worker::agent::spool::backlog::Backlog;
use worker::agent::uplink::{Uplink, UplinkError};

use crate::faulty::{Fault, Faulty, serve};

fn records(steps: std::ops::Range<u64>) -> Vec<Record> {
    steps
        .map(|step| {
            let point = MetricPoint {
                name: MetricName::TrainLoss.into(),
                step,
                value: 0.5,
                ..MetricPoint::default()
            };
            Record { kind: Some(record::Kind::Metric(point)) }
        })
        .collect()
}

#[tokio::test]
async fn whatever_is_lost_on_the_way_each_record_arrives_once_and_in_order() {
    use Fault::{None, ReplyLost, RequestLost, TakenInPart};
    let faulty =
        Faulty::with(&[RequestLost, ReplyLost, None, TakenInPart, ReplyLost, ReplyLost, RequestLost]);
    let (coordinator, _guard) = serve(faulty.clone()).await;
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path(), "one", 4 << 20).unwrap();
    let uplink =
        Uplink::start(coordinator, v1::Lease::default(), Backlog::new(spool.file(&v1::Lease::default())));
    for chunk in 0..20 {
        uplink.send(records(chunk * 600..(chunk + 1) * 600)).await;
    }
    assert_eq!(uplink.finish(Option::None).await, Ok(12_000));
    assert_eq!(faulty.steps(), (0..12_000).collect::<Vec<_>>());
    assert!(*faulty.largest_call.lock().unwrap() <= MAX_RECORDS);
    assert!(faulty.faults.lock().unwrap().is_empty(), "not every fault was made");
}

#[tokio::test]
async fn a_lost_lease_ends_the_records_at_once() {
    let faulty = Faulty::with(&[Fault::None, Fault::LeaseLost]);
    let (coordinator, _guard) = serve(faulty.clone()).await;
    let uplink = Uplink::start(coordinator, v1::Lease::default(), Backlog::new(None));
    uplink.send(records(0..MAX_RECORDS as u64)).await;
    uplink.send(records(0..10)).await;
    assert_eq!(uplink.finish(None).await, Err(UplinkError::LeaseLost));
    assert_eq!(faulty.steps().len(), MAX_RECORDS);
}

#[tokio::test]
async fn a_worker_that_reports_too_often_waits_as_long_as_it_is_told() {
    let faulty = Faulty::with(&[Fault::TooOften, Fault::None]);
    let (coordinator, _guard) = serve(faulty.clone()).await;
    let uplink = Uplink::start(coordinator, v1::Lease::default(), Backlog::new(None));
    let start = Instant::now();
    uplink.send(records(0..10)).await;
    assert_eq!(uplink.finish(None).await, Ok(10));
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
    assert_eq!(faulty.steps(), (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn whoever_may_not_report_any_more_has_lost_the_lease() {
    let faulty = Faulty::with(&[Fault::TokenRevoked]);
    let (coordinator, _guard) = serve(faulty.clone()).await;
    let uplink = Uplink::start(coordinator, v1::Lease::default(), Backlog::new(None));
    uplink.send(records(0..10)).await;
    assert_eq!(uplink.finish(None).await, Err(UplinkError::LeaseLost));
}

#[tokio::test]
async fn what_a_killed_process_left_arrives_once_whatever_it_had_sent() {
    use Fault::ReplyLost;
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path(), "one", 4 << 20).unwrap();
    let trial_id = "0190c1d2-0000-7000-8000-000000000001".to_owned();
    let lease = v1::Lease { trial_id, attempt: 1, token: vec![7; 16] };
    let mut killed = Backlog::new(spool.file(&lease));
    for chunk in 0..12 {
        killed.push(records(chunk * 1_000..(chunk + 1) * 1_000)).unwrap();
    }
    drop(killed);
    let faulty = Faulty::with(&[ReplyLost, Fault::TakenInPart, ReplyLost]);
    // It had brought the first 700.
    faulty.stored.lock().unwrap().extend(records(0..700));
    let (coordinator, _guard) = serve(faulty.clone()).await;
    let (file, left) = spool.left_behind().pop().unwrap();
    let uplink = Uplink::start(coordinator, left.lease.clone(), Backlog::left_behind(file, &left));
    let spooled = uplink.spooled();
    assert_eq!(uplink.finish(None).await, Ok(12_000));
    assert_eq!(faulty.steps(), (0..12_000).collect::<Vec<_>>());
    assert!(spool.left_behind().is_empty(), "it is locked");
    spooled.delete();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn no_records_are_no_calls() {
    let faulty = Faulty::with(&[Fault::LeaseLost]);
    let (coordinator, _guard) = serve(faulty).await;
    assert_eq!(
        Uplink::start(coordinator, v1::Lease::default(), Backlog::new(None)).finish(None).await,
        Ok(0)
    );
}

fn leased(data_sha256: &str) -> v1::LeasedTrial {
    let source = v1::data_spec::Source::Idx(v1::IdxData { path: "mnist".to_owned() });
    let data =
        v1::DataSpec { source: Some(source), normalize: v1::Normalize::None.into(), ..Default::default() };
    v1::LeasedTrial {
        spec: Some(v1::TrialSpec { data: Some(data), ..Default::default() }),
        data_sha256: data_sha256.to_owned(),
        ..Default::default()
    }
}

fn data(sha256: &str) -> v1::Findings {
    v1::Findings { data_sha256: sha256.to_owned(), ..Default::default() }
}

fn memory(kind: &str) -> v1::Findings {
    let known = v1::KnownMemory { kind: kind.to_owned(), ..Default::default() };
    v1::Findings { memory: vec![known], ..Default::default() }
}

#[tokio::test]
async fn findings_are_told_until_they_are_answered_and_before_the_attempt_ends() {
    use Fault::{ReplyLost, RequestLost};
    let faulty = Faulty::with(&[RequestLost, ReplyLost]);
    let (coordinator, _guard) = serve(faulty.clone()).await;
    let findings = FindingsLink::start(coordinator, &leased(""));
    findings.send(data("aa"));
    findings.send(memory("mlp"));
    assert_eq!(findings.finish().await, None);
    // Told twice where the reply was lost: the coordinator merges.
    assert_eq!(*faulty.found.lock().unwrap(), [data("aa"), data("aa"), memory("mlp")]);
}

#[tokio::test]
async fn other_data_than_the_sweeps_is_heard_of_from_the_lease_and_from_the_answer() {
    let faulty = Faulty::with(&[]);
    let (coordinator, _guard) = serve(faulty.clone()).await;
    let mut late = FindingsLink::start(coordinator.clone(), &leased("aa"));
    late.send(data("bb"));
    let other = late.other_data().await;
    assert_eq!((other.path.as_str(), other.expected.as_str(), other.found.as_str()), ("mnist", "aa", "bb"));
    assert_eq!(late.finish().await, Some(other));

    // Two at once, neither with a hash in its lease: "bb" was told first.
    let mut second = FindingsLink::start(coordinator, &leased(""));
    second.send(data("cc"));
    let other = second.other_data().await;
    assert_eq!((other.expected.as_str(), other.found.as_str()), ("bb", "cc"));
}

#[tokio::test]
async fn an_attempt_can_do_without_an_answer_to_its_findings() {
    let faulty = Faulty::with(&[Fault::LeaseLost]);
    let (coordinator, _guard) = serve(faulty).await;
    let findings = FindingsLink::start(coordinator, &leased("aa"));
    findings.send(data("aa"));
    assert_eq!(findings.finish().await, None);
}

/// An attempt that saves into a folder.
async fn saving(coordinator: Coordinator, folder: &std::path::Path) -> (CheckpointLink, watch::Sender<u64>) {
    let store = CheckpointStore::open(&folder.join("store").to_string_lossy()).await.unwrap();
    let settings = Checkpointing {
        store,
        scratch: folder.to_owned(),
        interval: Some(Duration::from_secs(1)),
        every_steps: 0,
    };
    let (stored, receiver) = watch::channel(0);
    let lease = v1::Lease { trial_id: "trial".to_owned(), attempt: 1, ..v1::Lease::default() };
    let leased = v1::LeasedTrial { lease: Some(lease), ..v1::LeasedTrial::default() };
    (CheckpointLink::start(&settings, coordinator, &leased, receiver), stored)
}

/// A file as the trainer leaves it.
async fn trained(link: &mut CheckpointLink, step: u64) -> v1::SavedTrial {
    let folder = link.fetch().await.0.folder;
    let file = format!("{folder}/{step}.safetensors");
    std::fs::write(&file, step.to_string()).unwrap();
    v1::SavedTrial { file, sha256: step.to_string(), step, examples: 32 * step }
}

fn names(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_checkpoint_waits_for_the_records_before_it_and_a_newer_one_takes_its_place() {
    let faulty = Faulty::with(&[Fault::RequestLost, Fault::ReplyLost]);
    let (coordinator, _guard) = serve(faulty.clone()).await;
    let folder = tempfile::tempdir().unwrap();
    let (mut link, stored) = saving(coordinator, folder.path()).await;
    for (step, last_seq) in [(10, 5), (20, 7), (30, 9)] {
        let saved = trained(&mut link, step).await;
        link.saved(saved, last_seq);
    }
    stored.send_replace(8);
    assert!(faulty.checkpoints.lock().unwrap().is_empty(), "record 9 is not stored yet");
    stored.send_replace(9);
    link.finish().await;
    // Told twice where the reply was lost: the coordinator keeps the newest.
    let told = faulty.checkpoints.lock().unwrap().clone();
    assert_eq!(
        told.iter().map(|told| (told.step, told.last_seq, told.bytes)).collect::<Vec<_>>(),
        [(30, 9, 2); 2]
    );
    assert_eq!(names(&folder.path().join("store/checkpoints/trial")), ["1-30.safetensors"]);
    assert_eq!(names(&folder.path().join("trial-1.checkpoints")), ["lock"]);
    drop(link);
    assert_eq!(names(folder.path()), ["store"]);
}

#[tokio::test]
async fn without_the_lease_nothing_is_saved_any_more_and_nothing_is_removed() {
    let faulty = Faulty::with(&[Fault::None, Fault::LeaseLost]);
    let (coordinator, _guard) = serve(faulty.clone()).await;
    let folder = tempfile::tempdir().unwrap();
    let (mut link, stored) = saving(coordinator, folder.path()).await;
    stored.send_replace(9);
    let kept = folder.path().join("store/checkpoints/trial");
    let first = trained(&mut link, 10).await;
    link.saved(first, 1);
    while faulty.checkpoints.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let second = trained(&mut link, 20).await;
    link.saved(second, 2);
    link.finish().await;
    assert_eq!(faulty.checkpoints.lock().unwrap().len(), 1);
    // The second may have been taken, with its reply lost: whoever ends the trial removes both.
    assert_eq!(names(&kept), ["1-10.safetensors", "1-20.safetensors"]);
}
