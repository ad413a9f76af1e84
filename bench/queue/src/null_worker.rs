//! A worker whose trials take no time.

use std::time::Duration;

use anyhow::{Context, Result};
use proto::v1::{self, Lease};
use uuid::Uuid;

use crate::stack::Connection;

/// A registered worker.
#[derive(Debug, Clone)]
pub struct NullWorker {
    connection: Connection,
    worker_id: String,
    instance_id: String,
}

impl NullWorker {
    /// Registers under this name.
    pub async fn register(connection: Connection, name: String) -> Result<Self> {
        let instance_id = Uuid::new_v4().to_string();
        let request = v1::RegisterWorkerRequest {
            name,
            instance_id: instance_id.clone(),
            protocol_version: proto::PROTOCOL_VERSION,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            device: Some(v1::Device {
                name: "cpu".to_owned(),
                description: "null".to_owned(),
                memory_bytes: 1 << 30,
                memory_limit_bytes: None,
                libtorch_version: "none".to_owned(),
                threads: 1,
            }),
            held: Vec::new(),
            allows_code: false,
        };
        let answer = connection.workers.clone().register_worker(request).await.context("registering")?;
        Ok(Self { connection, worker_id: answer.into_inner().worker_id, instance_id })
    }

    /// Claims a trial, waiting for one at most so long; none when none came.
    pub async fn claim(&self, wait: Duration) -> Result<Vec<Lease>> {
        self.claim_up_to(1, wait).await
    }

    /// The same for several trials.
    pub async fn claim_up_to(&self, max_trials: u32, wait: Duration) -> Result<Vec<Lease>> {
        let request = v1::ClaimTrialsRequest {
            worker_id: self.worker_id.clone(),
            instance_id: self.instance_id.clone(),
            request_id: Uuid::now_v7().to_string(),
            max_trials,
            wait: prost_types::Duration::try_from(wait).ok(),
        };
        let answer = self.connection.workers.clone().claim_trials(request).await.context("claiming")?;
        Ok(answer.into_inner().trials.into_iter().filter_map(|trial| trial.lease).collect())
    }

    /// Hands in a result.
    pub async fn complete(&self, lease: Lease, last_seq: u64) -> Result<()> {
        let request = v1::CompleteTrialRequest { lease: Some(lease), result: Some(result()), last_seq };
        self.connection.workers.clone().complete_trial(request).await.context("completing")?;
        Ok(())
    }

    /// Renews leases.
    pub async fn heartbeat(&self, leases: &[Lease]) -> Result<()> {
        let progress = v1::Progress { step: 1, total_steps: 10, ..v1::Progress::default() };
        let request = v1::HeartbeatRequest {
            worker_id: self.worker_id.clone(),
            instance_id: self.instance_id.clone(),
            leases: leases
                .iter()
                .map(|lease| v1::LeaseProgress { lease: Some(lease.clone()), progress: Some(progress) })
                .collect(),
            removed: Vec::new(),
        };
        self.connection.workers.clone().heartbeat(request).await.context("a heartbeat")?;
        Ok(())
    }

    /// Reports points of the training loss, from this record on; gives the last one stored.
    pub async fn report(&self, lease: &Lease, first_seq: u64, count: u64) -> Result<u64> {
        let records = (first_seq..first_seq + count).map(point).collect();
        let request = v1::ReportMetricsRequest { lease: Some(lease.clone()), first_seq, records };
        let answer = self.connection.workers.clone().report_metrics(request).await.context("reporting")?;
        Ok(answer.into_inner().acked_seq)
    }
}

fn point(step: u64) -> v1::Record {
    let point = v1::MetricPoint {
        name: v1::MetricName::TrainLoss.into(),
        step,
        examples: step * 32,
        seconds: step as f64 * 0.001,
        value: 1.0 / step as f64,
        own_name: String::new(),
    };
    v1::Record { kind: Some(v1::record::Kind::Metric(point)) }
}

fn result() -> v1::TrialResult {
    v1::TrialResult {
        outcome: v1::Outcome::Succeeded.into(),
        micro_batch: 32,
        accumulation_steps: 1,
        accumulation: v1::Accumulation::None.into(),
        device: "cpu".to_owned(),
        steps: 96,
        examples: 3000,
        epochs: 3.0,
        first_train_loss: Some(0.7),
        final_train_loss: Some(0.5),
        train_set_loss: Some(0.5),
        train_seconds: 0.25,
        memory: Some(v1::Memory {
            parameter_bytes: 88,
            gradient_bytes: 88,
            batch_bytes: 1536,
            activation_bytes: 1000,
            peak_memory_bytes: 2712,
            peak_reserved_bytes: 2712,
            predicted_peak_memory_bytes: 2700,
            ..v1::Memory::default()
        }),
        ..v1::TrialResult::default()
    }
}
