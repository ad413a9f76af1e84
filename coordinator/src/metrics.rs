//! Figures for Prometheus: what this process has done since it started, and what the database holds when it is asked.
//! docs/DEPLOY.md lists them; a test compares.

use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;

use domain::lifecycle::Outcome;
use domain::run::LeaseOrder;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::store::Store;
use crate::store::load::{self, Load};

/// A word that a figure is split by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Kind {
    /// The word.
    pub kind: &'static str,
}

/// One of the two pools of connections.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Pool {
    /// `requests` or `leases`.
    pub pool: &'static str,
    /// `idle` or `busy`.
    pub state: &'static str,
}

/// What this process counts.
#[derive(Debug)]
pub struct Metrics {
    /// Trials handed out.
    pub claims: Counter,
    /// Seconds that a claim of a batch took in the database.
    pub claim_seconds: Histogram,
    /// Leases in heartbeats, by what was answered: renewed, lost, stop, hand_over, conclude.
    pub heartbeats: Family<Kind, Counter>,
    /// Records (points, splits, log lines) stored.
    pub records: Counter,
    /// Attempts that ended, by how: succeeded, diverged, infeasible, stopped, failed, released, expired.
    pub attempts: Family<Kind, Counter>,
    /// Times that accepted trials ran out of device memory.
    pub out_of_memory: Counter,
}

/// This process's.
pub static METRICS: LazyLock<Metrics> = LazyLock::new(|| Metrics {
    claims: Counter::default(),
    claim_seconds: Histogram::new([0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0]),
    heartbeats: from_zero(&["renewed", "lost", "stop", "hand_over", "conclude"]),
    records: Counter::default(),
    attempts: from_zero(&["succeeded", "diverged", "infeasible", "stopped", "failed", "released", "expired"]),
    out_of_memory: Counter::default(),
});

/// A counter of each kind: one that is not there before its first event hides that event from rates.
fn from_zero(kinds: &[&'static str]) -> Family<Kind, Counter> {
    let family = Family::<Kind, Counter>::default();
    for &kind in kinds {
        drop(family.get_or_create(&Kind { kind }));
    }
    family
}

impl Metrics {
    /// Counts a lease in a heartbeat.
    pub fn lease_answered(&self, order: LeaseOrder) {
        let kind = match order {
            LeaseOrder::Continue => "renewed",
            LeaseOrder::Lost => "lost",
            LeaseOrder::Stop => "stop",
            LeaseOrder::HandOver => "hand_over",
            LeaseOrder::Conclude => "conclude",
        };
        self.heartbeats.get_or_create(&Kind { kind }).inc();
    }

    /// Counts a result that was accepted, and how often it ran out of memory.
    pub fn completed(&self, outcome: Outcome, oom_count: u64) {
        self.attempt_ended(outcome.status().word());
        self.out_of_memory.inc_by(oom_count);
    }

    /// Counts one attempt that ended so.
    pub fn attempt_ended(&self, kind: &'static str) {
        self.attempts.get_or_create(&Kind { kind }).inc();
    }
}

/// All of it in Prometheus's text format (`OpenMetrics` 1.0). A database that does not answer is told as such; its
/// figures are then left out.
///
/// # Errors
/// When writing the text fails, which strings do not.
pub async fn scrape(store: &Store) -> Result<String, std::fmt::Error> {
    let load = match load::look(store).await {
        Ok(load) => Some(load),
        Err(error) => {
            tracing::debug!("no figures from the database: {error}");
            None
        }
    };
    let mut registry = Registry::with_prefix("batchsweep");
    counted(&mut registry);
    pools(&mut registry, store);
    let up = Gauge::<i64>::default();
    up.set(i64::from(load.is_some()));
    registry.register("database_up", "Whether Postgres answered this scrape", up);
    if let Some(load) = load {
        held(&mut registry, &load);
    }
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

fn counted(registry: &mut Registry) {
    let metrics = &*METRICS;
    registry.register("claims", "Trials handed out by this coordinator", metrics.claims.clone());
    registry.register(
        "claim_seconds",
        "Time that handing out a batch of trials took in the database",
        metrics.claim_seconds.clone(),
    );
    registry.register(
        "heartbeats",
        "Leases in heartbeats, by the answer: renewed, lost, stop, hand_over, conclude",
        metrics.heartbeats.clone(),
    );
    registry.register("records", "Points, splits and log lines stored", metrics.records.clone());
    registry.register(
        "attempts_ended",
        "Attempts that ended: succeeded, diverged, infeasible, stopped, failed, released, expired",
        metrics.attempts.clone(),
    );
    registry.register(
        "out_of_memory",
        "Times that accepted trials ran out of device memory",
        metrics.out_of_memory.clone(),
    );
}

fn pools(registry: &mut Registry, store: &Store) {
    let connections = Family::<Pool, Gauge>::default();
    for (pool, of) in [("requests", &store.requests), ("leases", &store.vital)] {
        let idle = i64::try_from(of.num_idle()).unwrap_or(i64::MAX);
        connections.get_or_create(&Pool { pool, state: "idle" }).set(idle);
        connections.get_or_create(&Pool { pool, state: "busy" }).set(i64::from(of.size()) - idle);
    }
    registry.register("database_connections", "Connections to Postgres", connections);
}

/// The same at every coordinator of a database: to be shown as a maximum, not a sum.
fn held(registry: &mut Registry, load: &Load) {
    let by_kind = |figures: [(&'static str, i64); 2]| {
        let family = Family::<Kind, Gauge>::default();
        for (kind, count) in figures {
            family.get_or_create(&Kind { kind }).set(count);
        }
        family
    };
    let seconds = |value| {
        let gauge = Gauge::<f64, AtomicU64>::default();
        gauge.set(value);
        gauge
    };
    registry.register(
        "trials",
        "Trials in the database that wait (pending) or run (running)",
        by_kind([("pending", load.pending), ("running", load.running)]),
    );
    registry.register(
        "workers",
        "Workers, alive or not heard of for a lease's time",
        by_kind([("alive", load.workers_alive), ("lost", load.workers_lost)]),
    );
    let draining = Gauge::<i64>::default();
    draining.set(load.workers_draining);
    registry.register("workers_draining", "Workers alive that are taken out of service", draining);
    registry.register(
        "oldest_attempt_seconds",
        "Age of the attempt that runs longest",
        seconds(load.oldest_attempt_seconds),
    );
    registry.register(
        "lease_seconds_left",
        "Time that the lease that ends next still has",
        seconds(load.lease_seconds_left),
    );
}
