//! What a worker reports counts for its own fleet: a lie harms those alone who trust the liar.

use proto::v1;
use proto::v1::worker_service_server::WorkerService;
use sqlx::PgPool;
use uuid::Uuid;

use crate::checkpoints::checkpoint;
use crate::holders::by;
use crate::world::{World, cell, points, registration, spec};

const LIAR: &str = "liar";
const HOST_1: &str = "host-1@gpus";
const HOST_2: &str = "host-2@gpus";

/// A worker of a principal, on the same device as all others.
struct Member<'a> {
    world: &'a World,
    principal: &'static str,
    worker_id: String,
    instance_id: String,
}

impl<'a> Member<'a> {
    async fn join(world: &'a World, principal: &'static str) -> Self {
        let instance_id = Uuid::new_v4().to_string();
        let request = by(principal, registration(principal, &instance_id));
        let answer = world.workers.register_worker(request).await.unwrap().into_inner();
        Self { world, principal, worker_id: answer.worker_id, instance_id }
    }

    async fn claim(&self) -> v1::LeasedTrial {
        self.world.skip_delays().await;
        let request = v1::ClaimTrialsRequest {
            worker_id: self.worker_id.clone(),
            instance_id: self.instance_id.clone(),
            request_id: Uuid::new_v4().to_string(),
            max_trials: 1,
            wait: None,
        };
        let answer = self.world.workers.claim_trials(by(self.principal, request)).await.unwrap();
        answer.into_inner().trials.pop().expect("a trial waits")
    }

    /// Reports what it found; gives the hash of the data that it should have found.
    async fn find(&self, trial: &v1::LeasedTrial, findings: v1::Findings) -> String {
        let request = v1::ReportFindingsRequest { lease: trial.lease.clone(), findings: Some(findings) };
        let answer = self.world.workers.report_findings(by(self.principal, request)).await.unwrap();
        answer.into_inner().data_sha256
    }

    async fn save(&self, trial: &v1::LeasedTrial, step: u64) {
        let records = points(1, step);
        let report = v1::ReportMetricsRequest { lease: trial.lease.clone(), first_seq: 1, records };
        self.world.workers.report_metrics(by(self.principal, report)).await.unwrap();
        let checkpoint = Some(checkpoint(step, step));
        let request = v1::ReportCheckpointRequest { lease: trial.lease.clone(), checkpoint };
        self.world.workers.report_checkpoint(by(self.principal, request)).await.unwrap();
    }

    async fn release(&self, trial: v1::LeasedTrial) {
        let request = v1::ReleaseTrialRequest { lease: trial.lease, reason: "SIGTERM".to_owned() };
        self.world.workers.release_trial(by(self.principal, request)).await.unwrap();
    }

    /// As a worker does whose trainer was killed for want of host memory.
    async fn report_kill(&self, trial: v1::LeasedTrial, micro_batch: u64) {
        let progress = v1::Progress { micro_batch, ..v1::Progress::default() };
        let beat = v1::HeartbeatRequest {
            worker_id: self.worker_id.clone(),
            instance_id: self.instance_id.clone(),
            leases: vec![v1::LeaseProgress { lease: trial.lease.clone(), progress: Some(progress) }],
            removed: Vec::new(),
        };
        self.world.workers.heartbeat(by(self.principal, beat)).await.unwrap();
        let kind = v1::FailureKind::SuspectedHostOom.into();
        let request = v1::FailTrialRequest { lease: trial.lease, kind, message: "killed".to_owned() };
        self.world.workers.fail_trial(by(self.principal, request)).await.unwrap();
    }
}

fn memory(bytes: u64) -> v1::Findings {
    let step = v1::MeasuredStep { micro_batch: 1, bytes };
    let steps = Some(v1::KnownSteps { measured: vec![step], failed: Vec::new() });
    let kind = "1f".repeat(32);
    let known =
        v1::KnownMemory { kind, whole: steps.clone(), accumulated: steps, ..v1::KnownMemory::default() };
    v1::Findings { memory: vec![known], ..v1::Findings::default() }
}

fn data(byte: &str) -> v1::Findings {
    v1::Findings { data_sha256: byte.repeat(32), ..v1::Findings::default() }
}

fn measured(trial: &v1::LeasedTrial) -> Vec<u64> {
    let whole = trial.memory.iter().filter_map(|known| known.whole.as_ref());
    whole.flat_map(|steps| &steps.measured).map(|step| step.bytes).collect()
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn memory_that_a_worker_measured_is_known_to_its_fleet_alone(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(5)).await;
    let (liar, one, two) = (
        Member::join(&world, LIAR).await,
        Member::join(&world, HOST_1).await,
        Member::join(&world, HOST_2).await,
    );
    let trial = liar.claim().await;
    liar.find(&trial, memory(1 << 60)).await;
    let trial = one.claim().await;
    assert_eq!(measured(&trial), [0_u64; 0], "what the liar says of the same kind on the same device");
    one.find(&trial, memory(900)).await;
    assert_eq!(measured(&two.claim().await), [900]);
    assert_eq!(measured(&liar.claim().await), [1 << 60]);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn the_data_of_a_sweep_is_what_each_fleets_first_worker_found(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(5)).await;
    let (liar, one, two) = (
        Member::join(&world, LIAR).await,
        Member::join(&world, HOST_1).await,
        Member::join(&world, HOST_2).await,
    );
    let trial = liar.claim().await;
    assert_eq!(liar.find(&trial, data("00")).await, "00".repeat(32));
    let trial = one.claim().await;
    assert_eq!(trial.data_sha256, "");
    assert_eq!(one.find(&trial, data("ab")).await, "ab".repeat(32));
    let trial = two.claim().await;
    assert_eq!(trial.data_sha256, "ab".repeat(32));
    assert_eq!(two.find(&trial, data("cd")).await, "ab".repeat(32), "what it should have found");
    let shown = world.rows(v1::View::Trial, &sweep, "").await;
    assert_eq!(shown.rows.len(), 5);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_trial_goes_on_from_what_its_own_fleet_saved(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(1)).await;
    let (liar, one, two) = (
        Member::join(&world, LIAR).await,
        Member::join(&world, HOST_1).await,
        Member::join(&world, HOST_2).await,
    );
    let trial = liar.claim().await;
    liar.save(&trial, 5).await;
    liar.release(trial).await;

    let trial = one.claim().await;
    assert_eq!(trial.checkpoint, None, "what a stranger saved may be anything");
    one.save(&trial, 3).await;
    one.release(trial).await;
    let trial = two.claim().await;
    assert_eq!(trial.checkpoint.as_ref().map(|saved| (saved.attempt, saved.step)), Some((2, 3)));
    two.release(trial).await;

    // Also where the stranger takes the name of one of them while that one is away.
    world.sql("update core.worker set expires_at = now() - interval '1 minute'").await;
    let instance_id = Uuid::new_v4().to_string();
    let answer = world.workers.register_worker(by(LIAR, registration(HOST_1, &instance_id))).await.unwrap();
    let worker_id = answer.into_inner().worker_id;
    let thief = Member { world: &world, principal: LIAR, worker_id, instance_id };
    let trial = thief.claim().await;
    assert_eq!(trial.checkpoint, None);
    thief.save(&trial, 4).await;
    thief.release(trial).await;
    world.sql("update core.worker set expires_at = now() - interval '1 minute'").await;
    let back = Member::join(&world, HOST_1).await;
    assert_eq!(back.claim().await.checkpoint, None);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_kill_that_another_fleet_reports_does_not_split_the_batch(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let (liar, one, two) = (
        Member::join(&world, LIAR).await,
        Member::join(&world, HOST_1).await,
        Member::join(&world, HOST_2).await,
    );
    liar.report_kill(liar.claim().await, 8).await;
    let trial = one.claim().await;
    assert_eq!(trial.micro_batch_cap, 0);
    one.report_kill(trial, 16).await;
    assert!(two.claim().await.micro_batch_cap > 0, "it has happened on a machine that it trusts");
    assert_eq!(cell(&world.rows(v1::View::Trial, &sweep, "").await, "attempts").as_deref(), Some("3"));
}
