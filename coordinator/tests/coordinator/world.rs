//! A coordinator without its network: the handlers of both services over one test's database. Time does not pass by
//! itself: leases end when a test says so.

use std::sync::Arc;
use std::time::Duration;

use coordinator::access::rates::Rates;
use coordinator::cache::{MeasuredMemory, Specs};
use coordinator::config::{LimitsConfig, public_url};
use coordinator::context::Context;
use coordinator::service::{Fleet, Sweeps, Workers};
use coordinator::store::connect;
use coordinator::store::worker::Process;
use coordinator::store::{Store, expiry};
use coordinator::tasks::claims::Claims;
use coordinator::tasks::completions::Completions;
use coordinator::tasks::watches::Watches;
use coordinator::uploads::Uploads;
use domain::spec::{
    BatchSizeAxis, Budget, DataSource, DataSpec, GridSpec, Labels, LearningRateAxis, MemorySpec,
    MicroBatchPolicy, ModelSpec, Normalize, SearchSpec, SweepDraft, SyntheticData, TrainSpec,
};
use proto::v1::sweep_service_server::SweepService;
use proto::v1::worker_service_server::WorkerService;
use proto::{Reason, Wire, v1};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status};
use uuid::Uuid;

pub const TTL: Duration = Duration::from_secs(30);

pub struct World {
    pub store: Store,
    pub context: Context,
    pub sweeps: Sweeps,
    pub workers: Workers,
    pub fleet: Fleet,
    stop: CancellationToken,
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl World {
    /// One coordinator on the database of `pool`. Call it twice for two coordinators.
    pub fn new(pool: &PgPool) -> Self {
        let options = (*pool.connect_options()).clone();
        let store = connect::open(&options);
        let stop = CancellationToken::new();
        let reader = public_url(&options).replacen("user=batchsweep", "user=batchsweep_reader", 1);
        let context = Context {
            claims: Claims::start(store.clone(), TTL, stop.clone()),
            completions: Completions::start(store.clone(), TTL),
            searches: coordinator::tasks::searches::Searches::default(),
            watches: Watches::new(store.clone(), stop.clone()),
            uploads: Arc::new(Uploads::new("/nowhere".to_owned(), LimitsConfig::default().uploads())),
            known_memory: MeasuredMemory::default(),
            specs: Specs::default(),
            reader: reader.parse().unwrap(),
            store: store.clone(),
            lease_ttl: TTL,
            heartbeat_interval: Duration::from_secs(5),
            rates: Arc::new(Rates::new(LimitsConfig::default())),
            watch_age: Duration::from_secs(3_600),
            drain: stop.clone(),
        };
        let (sweeps, workers) = (Sweeps::new(context.clone()), Workers::new(context.clone()));
        let fleet = Fleet::new(context.clone());
        Self { store, context, sweeps, workers, fleet, stop }
    }

    /// Submits a sweep; gives its id.
    pub async fn submit(&self, spec: v1::SweepSpec) -> String {
        self.create(spec, Uuid::new_v4()).await.unwrap().sweep_id
    }

    pub async fn create(&self, spec: v1::SweepSpec, request_id: Uuid) -> Result<v1::Sweep, Status> {
        let request = v1::CreateSweepRequest {
            request_id: request_id.to_string(),
            spec: Some(spec),
            source: "# a sweep".to_owned(),
            validate_only: false,
            weight: None,
        };
        Ok(self.sweeps.create_sweep(Request::new(request)).await?.into_inner().sweep.unwrap())
    }

    pub async fn sweep(&self, sweep: &str) -> v1::Sweep {
        let request = v1::GetSweepRequest { sweep: sweep.to_owned() };
        self.sweeps.get_sweep(Request::new(request)).await.unwrap().into_inner().sweep.unwrap()
    }

    pub async fn counts(&self, sweep: &str) -> v1::TrialCounts {
        self.sweep(sweep).await.counts.unwrap()
    }

    pub async fn cancel(&self, sweep: &str, drain: bool) -> v1::Sweep {
        let request = v1::CancelSweepRequest { sweep: sweep.to_owned(), drain };
        self.sweeps.cancel_sweep(Request::new(request)).await.unwrap().into_inner().sweep.unwrap()
    }

    pub async fn pause(&self, sweep: &str) -> Result<v1::Sweep, Status> {
        let request = v1::PauseSweepRequest { sweep: sweep.to_owned() };
        Ok(self.sweeps.pause_sweep(Request::new(request)).await?.into_inner().sweep.unwrap())
    }

    pub async fn resume(&self, sweep: &str) -> Result<v1::Sweep, Status> {
        let request = v1::ResumeSweepRequest { sweep: sweep.to_owned() };
        Ok(self.sweeps.resume_sweep(Request::new(request)).await?.into_inner().sweep.unwrap())
    }

    pub async fn weigh(&self, sweep: &str, weight: f64) -> Result<v1::Sweep, Status> {
        let request = v1::WeighSweepRequest { sweep: sweep.to_owned(), weight };
        Ok(self.sweeps.weigh_sweep(Request::new(request)).await?.into_inner().sweep.unwrap())
    }

    pub async fn retry(&self, sweep: &str) -> u64 {
        let request = v1::RetrySweepRequest { sweep: sweep.to_owned() };
        self.sweeps.retry_sweep(Request::new(request)).await.unwrap().into_inner().retried
    }

    pub async fn rows(&self, view: v1::View, sweep: &str, trial: &str) -> v1::Table {
        let request = v1::ListRowsRequest {
            view: view.into(),
            sweep: sweep.to_owned(),
            trial: trial.to_owned(),
            ..v1::ListRowsRequest::default()
        };
        self.sweeps.list_rows(Request::new(request)).await.unwrap().into_inner().table.unwrap()
    }

    /// Lets every lease run out and ends those that did, as the reaper does after its grace.
    pub async fn expire_all(&self) -> usize {
        self.sql("update core.lease set expires_at = now() - interval '1 second'").await;
        let mut transaction = self.store.begin().await.unwrap();
        let ended = expiry::expire(&mut transaction, TTL).await.unwrap();
        transaction.commit().await.unwrap();
        ended.len()
    }

    /// Lets the pause before a further try pass.
    pub async fn skip_delays(&self) {
        self.sql("update core.trial_state set run_after = now() where status = 'pending'").await;
    }

    /// Runs a statement on the database itself.
    pub async fn sql(&self, statement: &'static str) {
        sqlx::query(statement).execute(&self.store.requests).await.unwrap();
    }

    /// A number out of the database itself.
    pub async fn number(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.store.requests).await.unwrap()
    }

    /// What must hold at any time.
    pub async fn check_invariants(&self) {
        let broken: Vec<(String, Option<i32>)> =
            sqlx::query_as("select invariant, attempt from core.broken_invariant")
                .fetch_all(&self.store.requests)
                .await
                .unwrap();
        assert_eq!(broken, []);
    }
}

/// A worker as the coordinator knows it.
#[derive(Debug, Clone)]
pub struct Worker {
    pub worker_id: String,
    pub instance_id: String,
}

impl Worker {
    pub fn process(&self) -> Process {
        let (worker_id, instance_id) = (self.worker_id.parse(), self.instance_id.parse());
        Process { worker_id: worker_id.unwrap(), instance_id: instance_id.unwrap() }
    }
}

impl World {
    pub async fn worker(&self, name: &str) -> Worker {
        let instance_id = Uuid::new_v4().to_string();
        let answer =
            self.workers.register_worker(Request::new(registration(name, &instance_id))).await.unwrap();
        Worker { worker_id: answer.into_inner().worker_id, instance_id }
    }

    /// Claims up to `max_trials` without waiting.
    pub async fn claim_with(
        &self,
        worker: &Worker,
        request_id: Uuid,
        max_trials: u32,
    ) -> Result<Vec<v1::LeasedTrial>, Status> {
        let request = v1::ClaimTrialsRequest {
            worker_id: worker.worker_id.clone(),
            instance_id: worker.instance_id.clone(),
            request_id: request_id.to_string(),
            max_trials,
            wait: None,
        };
        Ok(self.workers.claim_trials(Request::new(request)).await?.into_inner().trials)
    }

    pub async fn claim(&self, worker: &Worker, max_trials: u32) -> Vec<v1::LeasedTrial> {
        self.claim_with(worker, Uuid::new_v4(), max_trials).await.unwrap()
    }

    /// Claims the one trial that must be there.
    pub async fn claim_one(&self, worker: &Worker) -> v1::Lease {
        let trials = self.claim(worker, 1).await;
        assert_eq!(trials.len(), 1, "a trial waits");
        trials[0].lease.clone().unwrap()
    }

    pub async fn heartbeat(
        &self,
        worker: &Worker,
        leases: &[v1::Lease],
    ) -> Result<Vec<v1::LeaseOrder>, Status> {
        let progress = v1::Progress { step: 1, total_steps: 10, ..v1::Progress::default() };
        let request = v1::HeartbeatRequest {
            worker_id: worker.worker_id.clone(),
            instance_id: worker.instance_id.clone(),
            leases: leases
                .iter()
                .map(|lease| v1::LeaseProgress { lease: Some(lease.clone()), progress: Some(progress) })
                .collect(),
            removed: Vec::new(),
        };
        let answer = self.workers.heartbeat(Request::new(request)).await?.into_inner();
        Ok(answer.leases.iter().map(v1::LeaseReply::order).collect())
    }

    pub async fn report(
        &self,
        lease: &v1::Lease,
        first_seq: u64,
        records: Vec<v1::Record>,
    ) -> Result<u64, Status> {
        let request = v1::ReportMetricsRequest { lease: Some(lease.clone()), first_seq, records };
        Ok(self.workers.report_metrics(Request::new(request)).await?.into_inner().acked_seq)
    }

    pub async fn save(&self, lease: &v1::Lease, checkpoint: v1::Checkpoint) -> Result<(), Status> {
        let request =
            v1::ReportCheckpointRequest { lease: Some(lease.clone()), checkpoint: Some(checkpoint) };
        self.workers.report_checkpoint(Request::new(request)).await.map(drop)
    }

    pub async fn complete(
        &self,
        lease: &v1::Lease,
        result: v1::TrialResult,
        last_seq: u64,
    ) -> Result<(), Status> {
        let request = v1::CompleteTrialRequest { lease: Some(lease.clone()), result: Some(result), last_seq };
        self.workers.complete_trial(Request::new(request)).await.map(drop)
    }

    pub async fn fail(
        &self,
        lease: &v1::Lease,
        kind: v1::FailureKind,
        message: &str,
    ) -> Result<bool, Status> {
        let request = v1::FailTrialRequest {
            lease: Some(lease.clone()),
            kind: kind.into(),
            message: message.to_owned(),
        };
        Ok(self.workers.fail_trial(Request::new(request)).await?.into_inner().will_retry)
    }

    pub async fn release(&self, lease: &v1::Lease) -> Result<(), Status> {
        let request = v1::ReleaseTrialRequest { lease: Some(lease.clone()), reason: "SIGTERM".to_owned() };
        self.workers.release_trial(Request::new(request)).await.map(drop)
    }
}

pub fn registration(name: &str, instance_id: &str) -> v1::RegisterWorkerRequest {
    v1::RegisterWorkerRequest {
        name: name.to_owned(),
        instance_id: instance_id.to_owned(),
        protocol_version: proto::PROTOCOL_VERSION,
        version: "0.1.0".to_owned(),
        device: Some(v1::Device {
            name: "cpu".to_owned(),
            description: "a test".to_owned(),
            memory_bytes: 1 << 30,
            memory_limit_bytes: None,
            libtorch_version: "2.13.0".to_owned(),
            threads: 1,
        }),
        held: Vec::new(),
        allows_code: true,
    }
}

/// The reason of a refusal.
pub fn reason<T: std::fmt::Debug>(refused: Result<T, Status>) -> Reason {
    let status = refused.unwrap_err();
    Reason::of(&status).unwrap_or_else(|| panic!("no reason: {status:?}"))
}

/// A draft of 1000 random examples with one batch size a trial, and these learning rates and seeds.
pub fn draft(batch_sizes: &[u64], learning_rates: &[f64], seeds: &[u64]) -> SweepDraft {
    SweepDraft {
        name: None,
        data: DataSpec {
            source: DataSource::Synthetic(SyntheticData {
                examples: 1000,
                features: vec![10],
                classes: 2,
                labels: Labels::Random,
                seed: None,
            }),
            validation: 0,
            limit: None,
            normalize: Normalize::None,
        },
        model: ModelSpec::Linear,
        grid: GridSpec {
            batch_size: BatchSizeAxis::List(batch_sizes.to_vec()),
            learning_rate: LearningRateAxis::List(learning_rates.to_vec()),
            train: Vec::new(),
            model: Vec::new(),
            seed: seeds.to_vec(),
        },
        train: TrainSpec { budget: Some(Budget::Epochs(3)), ..TrainSpec::default() },
        memory: MemorySpec { budget: None, micro_batch: MicroBatchPolicy::Auto },
        search: SearchSpec::default(),
    }
}

/// A sweep of so many trials, which differ in their seed.
pub fn spec(trials: u64) -> v1::SweepSpec {
    let seeds: Vec<u64> = (0..trials).collect();
    draft(&[32], &[0.01], &seeds).to_wire()
}

pub fn named(name: &str, trials: u64) -> v1::SweepSpec {
    v1::SweepSpec { name: name.to_owned(), ..spec(trials) }
}

/// A result whose loss of the last step is this number; no two of its numbers are equal.
pub fn result(loss: f64) -> v1::TrialResult {
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
        final_train_loss: Some(loss),
        train_set_loss: Some(loss + 0.001),
        train_seconds: 0.25,
        memory: Some(v1::Memory {
            parameter_bytes: 88,
            gradient_bytes: 80,
            batch_bytes: 1536,
            activation_bytes: 1008,
            peak_memory_bytes: 2712,
            peak_reserved_bytes: 4096,
            predicted_peak_memory_bytes: 2700,
            ..v1::Memory::default()
        }),
        ..v1::TrialResult::default()
    }
}

/// Points of the training loss, from this step on.
pub fn points(first_step: u64, count: u64) -> Vec<v1::Record> {
    (first_step..first_step + count).map(|step| point(step, 1.0 / step as f64)).collect()
}

pub fn point(step: u64, value: f64) -> v1::Record {
    let point = v1::MetricPoint {
        own_name: String::new(),
        name: v1::MetricName::TrainLoss.into(),
        step,
        examples: step * 32,
        seconds: step as f64 * 0.001,
        value,
    };
    v1::Record { kind: Some(v1::record::Kind::Metric(point)) }
}

/// The cells of a table's column.
pub fn column(table: &v1::Table, name: &str) -> Vec<Option<String>> {
    let index = table.columns.iter().position(|column| column.name == name).unwrap();
    table.rows.iter().map(|row| row.cells[index].text.clone()).collect()
}

/// The only cell of a column.
pub fn cell(table: &v1::Table, name: &str) -> Option<String> {
    let cells = column(table, name);
    assert_eq!(cells.len(), 1, "one row");
    cells[0].clone()
}
