//! A trainer that trains nothing: it speaks the trainer's protocol and tells numbers that follow from the trial alone. The
//! agent starts it as a script that runs this very test program; the protocol is on descriptor 3, as the test harness
//! writes to standard output.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use proto::frame;
use proto::v1::trainer_event::Kind as EventKind;
use proto::v1::trainer_request::Kind as RequestKind;
use proto::v1::{self, record};

use crate::random::mix;

/// Set where the test below is to be a trainer: others may run all ignored tests.
const SWITCH: &str = "BATCHSWEEP_CHAOS_TRAINER";

/// How long a step takes.
const STEP: Duration = Duration::from_millis(25);

/// Steps of the trial with this seed.
pub fn steps(seed: u64) -> u64 {
    30 + mix(seed) % 30
}

/// The loss at a step, from 1; the last one is the result's.
pub fn loss(seed: u64, step: u64) -> f64 {
    (mix(seed.wrapping_mul(1_000_003) + step) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Writes the script; gives its path.
pub fn script(folder: &Path) -> PathBuf {
    let path = folder.join("trainer");
    let program = std::env::current_exe().unwrap();
    let text = format!(
        "#!/bin/sh\n{SWITCH}=1 exec '{}' --exact trainer::serves_an_agent --ignored --nocapture 3>&1 1>/dev/null\n",
        program.display()
    );
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
#[ignore = "no test: the trainer that the chaos tests' agents start"]
fn serves_an_agent() {
    if std::env::var_os(SWITCH).is_none() {
        return;
    }
    let mut events = File::options().write(true).open("/dev/fd/3").unwrap();
    let (sender, requests) = mpsc::channel();
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        while let Ok(Some(v1::TrainerRequest { kind: Some(kind) })) = frame::read(&mut input) {
            let _ = sender.send(kind);
        }
        // The agent's end is the trainer's.
        std::process::exit(0);
    });
    while let Ok(request) = requests.recv() {
        match request {
            RequestKind::Start(_) => send(&mut events, EventKind::Ready(device())),
            RequestKind::Train(trial) => {
                let seed = trial.spec.unwrap().settings.unwrap().seed;
                let ended = train(seed, &mut events, &requests);
                send(&mut events, ended);
            }
            _ => {}
        }
    }
}

fn train(seed: u64, events: &mut impl Write, requests: &mpsc::Receiver<RequestKind>) -> EventKind {
    let steps = steps(seed);
    for step in 1..=steps {
        match requests.recv_timeout(STEP) {
            Ok(RequestKind::Stop(_)) => return EventKind::Stopped(v1::StoppedTrial {}),
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => std::process::exit(0),
        }
        let point = v1::MetricPoint {
            own_name: String::new(),
            name: v1::MetricName::TrainLoss.into(),
            step,
            examples: step,
            seconds: step as f64 * STEP.as_secs_f64(),
            value: loss(seed, step),
        };
        let records = vec![v1::Record { kind: Some(record::Kind::Metric(point)) }];
        send(events, EventKind::Records(v1::Records { records }));
        let progress = v1::Progress { step, total_steps: steps, ..v1::Progress::default() };
        send(events, EventKind::Progress(progress));
    }
    EventKind::Finished(result(seed, steps))
}

fn result(seed: u64, steps: u64) -> v1::TrialResult {
    v1::TrialResult {
        outcome: v1::Outcome::Succeeded.into(),
        micro_batch: 1,
        accumulation_steps: 1,
        accumulation: v1::Accumulation::None.into(),
        device: "none".to_owned(),
        steps,
        examples: steps,
        epochs: 1.0,
        final_train_loss: Some(loss(seed, steps)),
        train_seconds: steps as f64 * STEP.as_secs_f64(),
        memory: Some(v1::Memory::default()),
        ..v1::TrialResult::default()
    }
}

fn device() -> v1::Device {
    v1::Device {
        name: "cpu".to_owned(),
        description: "trains nothing".to_owned(),
        memory_bytes: 1 << 30,
        memory_limit_bytes: None,
        libtorch_version: "none".to_owned(),
        threads: 1,
    }
}

fn send(events: &mut impl Write, kind: EventKind) {
    // An agent that is gone has no use for it.
    if frame::write(events, &v1::TrainerEvent { kind: Some(kind) }).is_err() {
        std::process::exit(0);
    }
}
