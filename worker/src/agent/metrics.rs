//! What this worker did since it started, for Prometheus, and whether it is well. docs/DEPLOY.md lists the figures.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use proto::v1;

/// A slot: one device and its trainer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Slot {
    /// Such as `cpu` or `cuda:0`.
    pub device: String,
}

/// A slot, and a word that a figure is split by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SlotKind {
    /// Such as `cpu` or `cuda:0`.
    pub device: String,
    /// The word.
    pub kind: &'static str,
}

/// What this process counts, over all its slots.
#[derive(Debug)]
pub struct Metrics {
    attempts: Family<SlotKind, Counter>,
    heartbeats: Family<Answer, Counter>,
    records: Counter,
    checkpoints: Family<Answer, Counter>,
    out_of_memory: Family<Slot, Counter>,
    step_seconds: Histogram,
    device_memory: Family<SlotKind, Gauge>,
    started: Instant,
    // Milliseconds after `started` at which a heartbeat was last answered; 0 before the first.
    last_answer: AtomicU64,
    slot_is_lost: AtomicBool,
}

/// How a heartbeat, or a checkpoint, went.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    kind: &'static str,
}

/// This process's.
pub static METRICS: LazyLock<Metrics> = LazyLock::new(|| Metrics {
    attempts: Family::default(),
    heartbeats: Family::default(),
    records: Counter::default(),
    checkpoints: Family::default(),
    out_of_memory: Family::default(),
    step_seconds: Histogram::new([1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0]),
    device_memory: Family::default(),
    started: Instant::now(),
    last_answer: AtomicU64::new(0),
    slot_is_lost: AtomicBool::new(false),
});

/// A worker that was answered within this time is well; six times the usual pause between heartbeats.
const PATIENCE: Duration = Duration::from_secs(30);

impl Metrics {
    /// A trainer has its device.
    pub fn device_is_ready(&self, device: &v1::Device) {
        let total = i64::try_from(device.memory_bytes).unwrap_or(i64::MAX);
        self.device_memory.get_or_create(&SlotKind { device: device.name.clone(), kind: "total" }).set(total);
        // A counter that is not there before its first event hides that event from rates.
        drop(self.out_of_memory.get_or_create(&Slot { device: device.name.clone() }));
        for kind in ["kept", "not_kept"] {
            drop(self.checkpoints.get_or_create(&Answer { kind }));
        }
        for kind in ["succeeded", "diverged", "infeasible", "stopped", "failed", "released", "lost"] {
            drop(self.attempts.get_or_create(&SlotKind { device: device.name.clone(), kind }));
        }
    }

    /// An attempt ended: succeeded, diverged, infeasible, stopped, failed, released or lost.
    pub fn attempt_ended(&self, device: &str, kind: &'static str) {
        self.attempts.get_or_create(&SlotKind { device: device.to_owned(), kind }).inc();
    }

    /// A trial was trained.
    pub fn trained(&self, device: &str, result: &v1::TrialResult) {
        self.out_of_memory.get_or_create(&Slot { device: device.to_owned() }).inc_by(result.oom_count);
        if let Some(memory) = &result.memory {
            let peak = i64::try_from(memory.peak_memory_bytes).unwrap_or(i64::MAX);
            self.device_memory
                .get_or_create(&SlotKind { device: device.to_owned(), kind: "peak_of_last_trial" })
                .set(peak);
        }
        if result.steps > 0 {
            self.step_seconds.observe(result.train_seconds / result.steps as f64);
        }
    }

    /// Records came from a trainer.
    pub fn records_came(&self, records: &[v1::Record]) {
        self.records.inc_by(records.len() as u64);
    }

    /// A checkpoint was brought to the store and taken by the coordinator, or was not.
    pub fn checkpoint(&self, is_kept: bool) {
        let kind = if is_kept { "kept" } else { "not_kept" };
        self.checkpoints.get_or_create(&Answer { kind }).inc();
    }

    /// A heartbeat was answered, or was not.
    pub fn heartbeat(&self, is_answered: bool) {
        let kind = if is_answered { "answered" } else { "not_answered" };
        self.heartbeats.get_or_create(&Answer { kind }).inc();
        if is_answered {
            let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.last_answer.store(now.max(1), Ordering::Relaxed);
        }
    }

    /// A slot ended although nobody asked for it.
    pub fn slot_is_lost(&self) {
        self.slot_is_lost.store(true, Ordering::Relaxed);
    }

    /// Whether all slots run and the coordinator answers them.
    ///
    /// # Errors
    /// What is wrong, in a sentence.
    pub fn health(&self) -> Result<(), &'static str> {
        let last = Duration::from_millis(self.last_answer.load(Ordering::Relaxed));
        if self.slot_is_lost.load(Ordering::Relaxed) {
            Err("a device's slot has ended; see the log")
        } else if last.is_zero() {
            Err("not yet registered with the coordinator")
        } else if self.started.elapsed().saturating_sub(last) > PATIENCE {
            Err("the coordinator answers no heartbeat")
        } else {
            Ok(())
        }
    }

    /// All of it in Prometheus's text format.
    ///
    /// # Errors
    /// When writing the text fails, which strings do not.
    pub fn scrape(&self) -> Result<String, std::fmt::Error> {
        let mut registry = Registry::with_prefix("batchsweep_worker");
        registry.register(
            "attempts_ended",
            "Attempts that ended here: succeeded, diverged, infeasible, stopped, failed, released, lost",
            self.attempts.clone(),
        );
        registry.register("heartbeats", "Heartbeats, answered or not", self.heartbeats.clone());
        registry.register("records", "Points, splits and log lines that trainers told", self.records.clone());
        registry.register(
            "checkpoints",
            "Checkpoints that were brought to the store and taken by the coordinator, or were not",
            self.checkpoints.clone(),
        );
        registry.register(
            "out_of_memory",
            "Times that trials ran out of device memory",
            self.out_of_memory.clone(),
        );
        registry.register(
            "step_seconds",
            "Mean time of an optimizer step, one value a trial",
            self.step_seconds.clone(),
        );
        registry.register(
            "device_memory_bytes",
            "Memory of the device, and the peak of the trial that ended last",
            self.device_memory.clone(),
        );
        let healthy = Gauge::<i64>::default();
        healthy.set(i64::from(self.health().is_ok()));
        registry.register("healthy", "Whether all slots run and the coordinator answers them", healthy);
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}
