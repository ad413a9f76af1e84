//! Whatever is cut off a spool file, what is left is a prefix of what was told; and a full disk loses nothing that memory
//! can hold.
//!
//! A test binary of its own, which starts no process: a child keeps the locks of open files until it runs its program, and
//! these tests open again what they have just closed.

#![allow(clippy::unwrap_used, reason = "a test says what went wrong by ending")]

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proto::v1::{self, MetricName, MetricPoint, Record, SpooledEnd, record, spooled_end};

use worker::agent::spool::Spool;
use worker::agent::spool::backlog::Backlog;
use worker::agent::spool::file::{LeftBehind, SpoolFile};

const LIMIT: u64 = 1 << 20;

fn lease() -> v1::Lease {
    v1::Lease { trial_id: "0190c1d2-0000-7000-8000-000000000001".to_owned(), attempt: 3, token: vec![7; 16] }
}

fn records(steps: std::ops::Range<u64>) -> Vec<Record> {
    let point =
        |step| MetricPoint { name: MetricName::TrainLoss.into(), step, value: 0.5, ..MetricPoint::default() };
    steps.map(|step| Record { kind: Some(record::Kind::Metric(point(step))) }).collect()
}

fn step(record: &Record) -> u64 {
    match &record.kind {
        Some(record::Kind::Metric(point)) => point.step,
        _ => panic!("{record:?}"),
    }
}

fn result() -> SpooledEnd {
    let result =
        v1::TrialResult { outcome: v1::Outcome::Succeeded.into(), steps: 9, ..v1::TrialResult::default() };
    SpooledEnd { kind: Some(spooled_end::Kind::Finished(result)) }
}

fn reopen(path: &Path) -> Option<(SpoolFile, LeftBehind)> {
    SpoolFile::reopen(path, LIMIT).unwrap()
}

/// Reports all that waits, `at_a_time` records at a call, as a coordinator would take them.
fn drain(backlog: &mut Backlog, at_a_time: u64) -> Vec<u64> {
    let mut steps = Vec::new();
    while !backlog.is_empty() {
        let (first_seq, records) = backlog.next_batch().unwrap();
        let taken = at_a_time.min(records.len() as u64);
        steps.extend(records.iter().take(usize::try_from(taken).unwrap()).map(step));
        assert_eq!(backlog.acknowledge(first_seq + taken - 1), taken);
    }
    steps
}

#[test]
fn what_was_told_is_there_for_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path(), "one", LIMIT).unwrap();
    let mut backlog = Backlog::new(spool.file(&lease()));
    backlog.push(records(0..10)).unwrap();
    backlog.push(records(10..13)).unwrap();
    backlog.end(&result());
    assert!(spool.left_behind().is_empty(), "the file of a living process is its own");
    drop(backlog);
    let (file, left) = spool.left_behind().pop().unwrap();
    assert_eq!((left.lease.clone(), left.first_seq, left.records), (lease(), 1, 13));
    assert_eq!(left.end, Some(result()));
    let mut backlog = Backlog::left_behind(file, &left);
    assert_eq!(drain(&mut backlog, 5), (0..13).collect::<Vec<_>>());
    backlog.take_file().unwrap().delete();
    assert!(spool.left_behind().is_empty());
}

#[test]
fn acknowledged_records_leave_the_file_and_the_count_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path(), "one", 64 << 20).unwrap();
    let mut backlog = Backlog::new(spool.file(&lease()));
    for chunk in 0..60 {
        backlog.push(records(chunk * 1000..(chunk + 1) * 1000)).unwrap();
    }
    assert_eq!(drain(&mut backlog, 5_000), (0..60_000).collect::<Vec<_>>());
    backlog.push(records(60_000..60_003)).unwrap();
    drop(backlog);
    let (_, left) = spool.left_behind().pop().unwrap();
    assert_eq!((left.first_seq, left.records), (60_001, 3));
}

#[test]
fn a_full_spool_leaves_records_in_memory_and_then_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path(), "one", 4_096).unwrap();
    let mut backlog = Backlog::new(spool.file(&lease())).with_memory_limit(20_000);
    let mut told = 0;
    let full = loop {
        match backlog.push(records(told..told + 10)) {
            Ok(()) => told += 10,
            Err(full) => break full.to_string(),
        }
    };
    for part in ["over 4.0 KiB", "--spool-dir", "--spool-limit"] {
        assert!(full.contains(part), "`{part}` is not in {full}");
    }
    assert!(told > 1_000, "memory takes some after the file: {told}");
    assert!(backlog.push(records(0..1)).is_err(), "no gap");
    // All that was taken in comes out, the last batch included.
    assert_eq!(drain(&mut backlog, 700), (0..told + 10).collect::<Vec<_>>());
}

#[test]
fn a_file_that_could_not_be_written_is_used_again_once_nothing_waits() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path(), "one", 4_096).unwrap();
    let mut backlog = Backlog::new(spool.file(&lease()));
    backlog.push(records(0..10)).unwrap();
    backlog.push(records(10..2_000)).unwrap();
    backlog.end(&result());
    assert_eq!(drain(&mut backlog, 5_000), (0..2_000).collect::<Vec<_>>());
    backlog.push(records(2_000..2_010)).unwrap();
    drop(backlog);
    let (_, left) = spool.left_behind().pop().unwrap();
    assert_eq!((left.first_seq, left.records), (2_001, 10));
    assert_eq!(left.end, None, "a result is not written down behind records that are not");
}

#[test]
fn a_file_without_a_whole_header_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path(), "one", LIMIT).unwrap();
    let path = folder.path().join("x-1.spool");
    fs::write(&path, [9, 0, 0]).unwrap();
    assert!(spool.left_behind().is_empty() && !path.exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_part_of_a_file_that_survives_is_a_prefix_of_what_was_told(
        batches in prop::collection::vec(1_u64..40, 0..12),
        ended in any::<bool>(),
        kept in 0.0_f64..1.0,
        flipped in prop::option::of((0.0_f64..1.0, 1_u8..=255)),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut file = SpoolFile::create(folder.path(), &lease(), "one", LIMIT).unwrap();
        let mut next = 0;
        for count in &batches {
            file.append_records(next + 1, &records(next..next + count)).unwrap();
            next += count;
        }
        if ended {
            file.append_end(result()).unwrap();
        }
        let (path, header) = (file.path().to_owned(), usize::try_from(file.start()).unwrap());
        drop(file);
        // A torn tail, and in it a byte that is not what it was.
        let mut bytes = fs::read(&path).unwrap();
        let tail = bytes.len() - header;
        let place = |share: f64, of: usize| (share * of as f64) as usize;
        bytes.truncate(header + place(kept, tail + 1));
        if let Some((at, with)) = flipped && bytes.len() > header {
            let at = header + place(at, bytes.len() - header);
            bytes[at] ^= with;
        }
        fs::write(&path, &bytes).unwrap();

        let (file, left) = reopen(&path).unwrap();
        prop_assert!(left.records <= next);
        prop_assert!(left.end.is_none() || left.records == next);
        let mut backlog = Backlog::left_behind(file, &left);
        prop_assert_eq!(drain(&mut backlog, 7), (0..left.records).collect::<Vec<_>>());
        // And it can be written on.
        backlog.push(records(left.records..left.records + 3)).unwrap();
        prop_assert_eq!(drain(&mut backlog, 7).len(), 3);
    }
}

/// What an attempt left: its lease, three batches of records, its end.
fn left(folder: &Path) -> std::path::PathBuf {
    let mut file = SpoolFile::create(folder, &lease(), "one", LIMIT).unwrap();
    for first in [1, 4, 7] {
        file.append_records(first, &records(first..first + 3)).unwrap();
    }
    file.append_end(result()).unwrap();
    file.path().to_owned()
}

#[test]
fn what_follows_damage_is_kept_aside_and_what_came_before_is_handed_in() {
    let folder = tempfile::tempdir().unwrap();
    let path = left(folder.path());
    let whole = fs::read(&path).unwrap();
    let (file, found) = reopen(&path).unwrap();
    let start = usize::try_from(file.start()).unwrap();
    assert_eq!((found.records, found.end.is_some()), (9, true));
    drop(file);

    let mut damaged = whole.clone();
    // Within the second batch: each is as long as the first.
    let batch = usize::try_from(frame_length(&whole, start)).unwrap();
    damaged[start + batch + batch / 2] ^= 0x10;
    fs::write(&path, &damaged).unwrap();
    let (file, found) = reopen(&path).unwrap();
    assert_eq!((found.records, found.end.is_none()), (3, true));
    assert_eq!(fs::read(path.with_extension("damaged")).unwrap(), damaged);
    drop(file);

    // Torn by a kill: nothing is kept.
    fs::remove_file(path.with_extension("damaged")).unwrap();
    fs::write(&path, &whole[..start + batch + 5]).unwrap();
    assert_eq!(reopen(&path).unwrap().1.records, 3);
    assert!(!path.with_extension("damaged").exists());
}

fn frame_length(bytes: &[u8], offset: usize) -> u64 {
    let length: [u8; 4] = bytes[offset..offset + 4].try_into().unwrap();
    u64::from(u32::from_le_bytes(length)) + 8
}

#[test]
fn a_file_without_a_readable_lease_is_set_aside_and_the_others_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let good = left(folder.path());
    let bad = folder.path().join("bad.spool");
    fs::write(&bad, b"no spool file at all").unwrap();
    let odd = v1::Lease { trial_id: "not a trial".to_owned(), ..lease() };
    let odd = SpoolFile::create(folder.path(), &odd, "one", LIMIT).unwrap().path().to_owned();
    fs::write(folder.path().join("empty.spool"), b"").unwrap();
    fs::create_dir(folder.path().join("folder.spool")).unwrap();
    nix::unistd::mkfifo(&folder.path().join("pipe.spool"), nix::sys::stat::Mode::S_IRWXU).unwrap();

    let spool = Spool::open(folder.path(), "one", LIMIT).unwrap();
    let found = spool.left_behind();
    assert_eq!(found.iter().map(|(file, _)| file.path()).collect::<Vec<_>>(), [&*good]);
    for aside in [bad, odd] {
        assert!(!aside.exists() && aside.with_extension("damaged").exists(), "{}", aside.display());
    }
    assert!(!folder.path().join("empty.spool").exists());
}
