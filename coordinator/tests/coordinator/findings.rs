use std::sync::Arc;

use domain::memory::KnownMemory;
use domain::run::MemoryOfKind;
use domain::spec::{ModelSpec, OptimizerKind, TrainAxis, TrainKey, Value};
use proto::v1::sweep_service_server::SweepService;
use proto::v1::worker_service_server::WorkerService;
use proto::{Reason, Wire, v1};
use sqlx::PgPool;
use tonic::{Request, Status};
use uuid::Uuid;

use crate::world::{Worker, World, cell, column, draft, point, reason, registration, result, spec};

const DATA: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

impl World {
    async fn find(&self, lease: &v1::Lease, findings: v1::Findings) -> Result<String, Status> {
        let request = v1::ReportFindingsRequest { lease: Some(lease.clone()), findings: Some(findings) };
        Ok(self.workers.report_findings(Request::new(request)).await?.into_inner().data_sha256)
    }

    async fn worker_on(&self, name: &str, description: &str) -> Worker {
        let instance_id = Uuid::new_v4().to_string();
        let mut request = registration(name, &instance_id);
        request.device.as_mut().unwrap().description = description.to_owned();
        let answer = self.workers.register_worker(Request::new(request)).await.unwrap();
        Worker { worker_id: answer.into_inner().worker_id, instance_id }
    }

    async fn list_known(&self, spec: v1::SweepSpec) -> Vec<v1::KnownMemory> {
        let request = v1::ListKnownMemoryRequest {
            spec: Some(spec),
            device: "cpu".to_owned(),
            device_description: "a test".to_owned(),
            libtorch_version: "2.13.0".to_owned(),
        };
        self.sweeps.list_known_memory(Request::new(request)).await.unwrap().into_inner().memory
    }
}

fn memory(memory: Vec<v1::KnownMemory>) -> v1::Findings {
    v1::Findings { memory, ..v1::Findings::default() }
}

fn data(sha256: &str) -> v1::Findings {
    v1::Findings { data_sha256: sha256.to_owned(), ..v1::Findings::default() }
}

fn known(record: impl Fn(&mut KnownMemory)) -> KnownMemory {
    let mut known = KnownMemory::default();
    record(&mut known);
    known
}

fn read(message: &v1::KnownMemory) -> KnownMemory {
    MemoryOfKind::from_wire(message.clone()).unwrap().memory
}

/// One kind of trial; its number stands for the hash.
fn of_kind(kind: u64, known: &KnownMemory) -> v1::KnownMemory {
    let kind = format!("{kind:064x}").parse().unwrap();
    MemoryOfKind { kind, description: "a linear model".to_owned(), memory: known.clone() }.to_wire()
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn what_one_worker_found_out_comes_with_the_next_ones_lease(pool: PgPool) {
    let (world, elsewhere) = (World::new(&pool), World::new(&pool));
    world.submit(spec(6)).await;
    let first = world.claim(&world.worker("one").await, 1).await.remove(0);
    assert_eq!((first.memory.len(), first.data_sha256.as_str()), (0, ""));
    let found = known(|known| {
        known.whole.record_fit(32, 1500);
        known.accumulated.record_fit(32, 1600);
        known.record_whole_failure(512, 20_000);
    });
    world.find(&first.lease.unwrap(), memory(vec![of_kind(1, &found)])).await.unwrap();

    let same_device = world.claim(&world.worker("two").await, 2).await;
    assert_eq!(read(&same_device[0].memory[0]), found);
    assert_eq!(same_device[0].memory[0].kind, format!("{:064x}", 1));
    assert_eq!(same_device[1].memory, [], "told once in one answer");
    let other_device = world.claim(&world.worker_on("three", "another model").await, 1).await;
    assert_eq!(other_device[0].memory, [], "memory there may differ");

    // Told to another coordinator, known to this one at once, though it has read what was known before.
    let more = known(|known| known.whole.record_fit(64, 3000));
    elsewhere.find(&same_device[0].lease.clone().unwrap(), memory(vec![of_kind(1, &more)])).await.unwrap();
    let mut both = found;
    both.merge(&more);
    let later = world.claim(&world.worker("four").await, 1).await;
    assert_eq!(read(&later[0].memory[0]), both);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn whoever_tells_it_in_whatever_order_the_same_is_known_in_the_end(pool: PgPool) {
    let worlds = [Arc::new(World::new(&pool)), Arc::new(World::new(&pool))];
    worlds[0].submit(spec(9)).await;
    let mut leases = Vec::new();
    for index in 0..8 {
        let world = worlds[index % 2].clone();
        let lease = world.claim_one(&world.worker(&format!("worker-{index}")).await).await;
        leases.push((world, lease));
    }
    // Overlapping, contradicting, in two kinds; each told twice, all at once.
    let reports: Vec<[KnownMemory; 2]> = (0..8u64)
        .map(|worker| {
            [1, 7].map(|factor| {
                known(|known| {
                    for step in 0..20 {
                        let number = worker * 131 + step * 17 * factor;
                        known.whole.record_fit(1 + number % 11, number % 97);
                        known.accumulated.record_fit(1 + number % 7, number % 89);
                        known.accumulated.record_failure(1 + number % 13, number % 83);
                    }
                })
            })
        })
        .collect();
    let tasks: Vec<_> = leases
        .into_iter()
        .zip(reports.clone())
        .map(|((world, lease), [one, two])| {
            tokio::spawn(async move {
                for kinds in [[(1, &one), (2, &two), (1, &one)], [(2, &two), (1, &one), (2, &two)]] {
                    let told = kinds.map(|(kind, known)| of_kind(kind, known)).to_vec();
                    world.find(&lease, memory(told)).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let told = worlds[1].claim(&worlds[1].worker("last").await, 1).await.remove(0).memory;
    assert_eq!(told.len(), 2);
    for (kind, known) in told.iter().enumerate() {
        let mut all = KnownMemory::default();
        reports.iter().for_each(|report| all.merge(&report[kind]));
        assert_eq!(read(known), all);
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn findings_told_twice_write_nothing_the_second_time(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(1)).await;
    let lease = world.claim_one(&world.worker("one").await).await;
    let findings = memory(vec![of_kind(1, &known(|known| known.whole.record_fit(8, 800)))]);
    world.find(&lease, findings.clone()).await.unwrap();
    let written = "select max(xmin::text::bigint) from core.memory_step";
    let before = world.number(written).await;
    world.find(&lease, findings).await.unwrap();
    assert_eq!(world.number(written).await, before);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_worker_without_its_lease_changes_nothing(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let zombie = world.claim_one(&world.worker("one").await).await;
    world.expire_all().await;
    world.skip_delays().await;
    world.claim_one(&world.worker("two").await).await;
    let findings = v1::Findings {
        data_sha256: DATA.to_owned(),
        memory: vec![of_kind(1, &known(|known| known.record_whole_failure(1, 1 << 40)))],
    };
    assert_eq!(reason(world.find(&zombie, findings.clone()).await), Reason::LeaseLost);
    let forged = v1::Lease { token: vec![0; 16], ..zombie };
    assert_eq!(reason(world.find(&forged, findings).await), Reason::LeaseLost);
    assert_eq!(world.number("select count(*) from core.memory_step").await, 0);
    assert_eq!(world.number("select count(data_sha256) from core.sweep").await, 0);
    assert_eq!(world.counts(&sweep).await.running, 1);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn the_first_workers_data_is_the_sweeps(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(3)).await;
    let (one, two) = (world.worker("one").await, world.worker("two").await);
    let (first, second) = (world.claim_one(&one).await, world.claim_one(&two).await);
    assert_eq!(world.find(&first, memory(Vec::new())).await.unwrap(), "", "nothing to tell yet");
    assert_eq!(world.find(&first, data(DATA)).await.unwrap(), DATA);
    let other = DATA.replace('0', "f");
    assert_eq!(world.find(&second, data(&other)).await.unwrap(), DATA, "told what it should have found");
    assert_eq!(world.find(&second, memory(Vec::new())).await.unwrap(), DATA);
    assert_eq!(world.claim(&one, 1).await[0].data_sha256, DATA);
    let shown: Option<String> = sqlx::query_scalar("select data_sha256 from batchsweep.sweep")
        .fetch_one(&world.store.requests)
        .await
        .unwrap();
    assert_eq!(shown.as_deref(), Some(DATA));
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_lease_carries_a_bounded_part_of_what_is_known(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(3)).await;
    let worker = world.worker("one").await;
    let lease = world.claim_one(&worker).await;
    let much = |kind: u64| {
        let many = known(|known| {
            (1..=300).for_each(|size| known.whole.record_fit(size, 10 * size));
            (1..=300).for_each(|size| known.accumulated.record_failure(size, 10 * size));
        });
        of_kind(kind, &many)
    };
    world.find(&lease, memory((1..=20).map(much).collect())).await.unwrap();
    let latest = known(|known| known.whole.record_fit(5000, 60_000));
    world.find(&lease, memory(vec![of_kind(20, &latest)])).await.unwrap();
    let told = world.claim(&worker, 1).await.remove(0).memory;
    assert_eq!(told.len(), 16);
    for known in &told {
        let measured = &known.whole.as_ref().unwrap().measured;
        assert_eq!(measured.len(), 64);
        assert_eq!(measured[0].micro_batch, 1, "one example is always told");
        assert_eq!(known.accumulated.as_ref().unwrap().failed.len(), 64);
    }
    let last = told.iter().find(|known| known.kind == format!("{:064x}", 20)).unwrap();
    assert_eq!(
        last.whole.as_ref().unwrap().measured.last().unwrap().micro_batch,
        5000,
        "what is new comes first"
    );
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_plan_hears_what_is_known_of_every_trial_of_its_sweep(pool: PgPool) {
    let world = World::new(&pool);
    let mut both = draft(&[8, 32], &[0.01], &[0]);
    let optimizers = ["sgd", "adam"].map(|word| Value::Word(word.to_owned())).to_vec();
    both.grid.train.push(TrainAxis { key: TrainKey::Optimizer, values: optimizers });
    let sweep = both.to_wire();
    world.submit(sweep.clone()).await;
    let worker = world.worker("one").await;
    for trial in world.claim(&worker, 4).await {
        let adam = trial.spec.unwrap().settings.unwrap().train.unwrap().optimizer == "adam";
        let found = known(|known| known.whole.record_fit(8, if adam { 900 } else { 800 }));
        let told = memory(vec![of_kind(u64::from(adam), &found)]);
        world.find(&trial.lease.unwrap(), told).await.unwrap();
    }
    let kinds = |mut known: Vec<v1::KnownMemory>| {
        known.sort_by(|a, b| a.kind.cmp(&b.kind));
        known.into_iter().map(|known| known.whole.unwrap().measured[0].bytes).collect::<Vec<_>>()
    };
    assert_eq!(kinds(world.list_known(sweep).await), [800, 900]);
    // Another sweep of the same model, never submitted: other batch sizes, learning rates, lengths, budgets.
    let mut other = draft(&[64, 128], &[0.5, 0.7], &[3]);
    other.memory.budget = Some(domain::Bytes(1 << 20));
    assert_eq!(kinds(world.list_known(other.to_wire()).await), [800]);
    other.train.optimizer = OptimizerKind::Adam;
    assert_eq!(kinds(world.list_known(other.to_wire()).await), [900]);
    other.model = ModelSpec::mlp(&[8]);
    assert_eq!(world.list_known(other.to_wire()).await, []);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn findings_that_say_nothing_sensible_are_refused(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(1)).await;
    let lease = world.claim_one(&world.worker("one").await).await;
    let nothing = KnownMemory::default();
    let unnamed = v1::KnownMemory { kind: "mlp".to_owned(), ..of_kind(1, &nothing) };
    assert_eq!(reason(world.find(&lease, memory(vec![unnamed])).await), Reason::InvalidRequest);
    assert_eq!(reason(world.find(&lease, data("cafe")).await), Reason::InvalidRequest);
    let endless = known(|known| (1..=2000).for_each(|size| known.whole.record_fit(size, size)));
    assert_eq!(reason(world.find(&lease, memory(vec![of_kind(1, &endless)])).await), Reason::LimitExceeded);
    let past = known(|known| known.whole.record_fit(1, u64::MAX));
    assert_eq!(reason(world.find(&lease, memory(vec![of_kind(1, &past)])).await), Reason::InvalidRequest);
    assert_eq!(world.number("select count(*) from core.memory_step").await, 0);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_plan_that_fits_in_no_way_is_a_split_row_without_sizes(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let lease = world.claim_one(&world.worker("one").await).await;
    let split = v1::Split {
        from_step: 1,
        micro_batch: 0,
        accumulation_steps: 0,
        kind: v1::SplitKind::Planned.into(),
        reason: "one example at a time needs 1.1 KiB".to_owned(),
        predicted_peak_bytes: 1126,
    };
    let records = vec![v1::Record { kind: Some(v1::record::Kind::Split(split)) }, point(1, 0.5)];
    world.report(&lease, 1, records).await.unwrap();
    world.complete(&lease, result(0.5), 2).await.unwrap();
    let table = world.rows(v1::View::Split, &sweep, "").await;
    assert_eq!(column(&table, "micro_batch"), [None]);
    assert_eq!(cell(&table, "accumulation_steps"), None);
    assert_eq!(cell(&table, "predicted_peak_bytes").as_deref(), Some("1126"));
    assert_eq!(cell(&table, "reason").as_deref(), Some("one example at a time needs 1.1 KiB"));
}
