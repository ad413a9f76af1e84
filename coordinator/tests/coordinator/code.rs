//! Models and data that are code of their users go to workers that were started for them alone.

use proto::v1;
use proto::v1::worker_service_server::WorkerService;
use sqlx::PgPool;
use tonic::Request;
use uuid::Uuid;

use crate::world::{Worker, World, column, registration, spec};

impl World {
    /// A worker that runs no code of users.
    async fn careful(&self, name: &str) -> Worker {
        let instance_id = Uuid::new_v4().to_string();
        let request = v1::RegisterWorkerRequest { allows_code: false, ..registration(name, &instance_id) };
        let answer = self.workers.register_worker(Request::new(request)).await.unwrap();
        Worker { worker_id: answer.into_inner().worker_id, instance_id }
    }
}

/// A sweep of a module of its user's own.
fn scripted(trials: u64) -> v1::SweepSpec {
    let module = v1::ScriptModel { path: "net.pt".to_owned(), upload: None };
    let model = v1::ModelSpec { kind: Some(v1::model_spec::Kind::Torchscript(module)) };
    v1::SweepSpec { model: Some(model), ..spec(trials) }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_trial_that_runs_code_waits_for_a_worker_that_allows_it(pool: PgPool) {
    let world = World::new(&pool);
    let (plain, allowing) = (world.careful("plain").await, world.worker("allowing").await);
    let code = world.submit(scripted(2)).await;
    assert_eq!(world.claim(&plain, 5).await, []);
    world.submit(spec(2)).await;
    assert_eq!(world.claim(&plain, 5).await.len(), 2, "those of the other sweep");
    assert_eq!(world.counts(&code).await.pending, 2);
    assert_eq!(world.claim(&allowing, 5).await.len(), 2);
    assert_eq!(world.counts(&code).await.running, 2);

    let workers = world.rows(v1::View::Worker, "", "").await;
    let allows = column(&workers, "allows_code");
    assert_eq!(allows, [Some("true".to_owned()), Some("false".to_owned())], "allowing, plain");
}

/// Data may be code, too, for whatever model.
#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_trial_whose_data_is_code_waits_for_such_a_worker_too(pool: PgPool) {
    let world = World::new(&pool);
    let (plain, allowing) = (world.careful("plain").await, world.worker("allowing").await);
    let code = v1::PythonCode {
        path: "data.py".to_owned(),
        function: "datasets".to_owned(),
        ..v1::PythonCode::default()
    };
    let mut sweep = spec(1);
    sweep.data.as_mut().unwrap().source = Some(v1::data_spec::Source::Python(code));
    world.submit(sweep).await;
    assert_eq!(world.claim(&plain, 5).await, []);
    assert_eq!(world.claim(&allowing, 5).await.len(), 1);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn of_workers_that_ask_together_each_gets_what_it_may_run(pool: PgPool) {
    let world = World::new(&pool);
    let (plain, allowing) = (world.careful("plain").await, world.worker("allowing").await);
    let code = world.submit(scripted(1)).await;
    let wait = Some(prost_types::Duration { seconds: 10, nanos: 0 });
    let ask = |worker: &Worker| v1::ClaimTrialsRequest {
        worker_id: worker.worker_id.clone(),
        instance_id: worker.instance_id.clone(),
        request_id: Uuid::new_v4().to_string(),
        max_trials: 1,
        wait,
    };
    let waiting = world.workers.claim_trials(Request::new(ask(&plain)));
    let (first, second) = tokio::join!(waiting, async {
        let taken = world.workers.claim_trials(Request::new(ask(&allowing))).await;
        world.submit(spec(1)).await;
        taken
    });
    let sweep_of =
        |answer: tonic::Response<v1::ClaimTrialsResponse>| answer.into_inner().trials[0].sweep_id.clone();
    assert_eq!(sweep_of(second.unwrap()), code);
    assert_ne!(sweep_of(first.unwrap()), code);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn the_same_name_may_come_back_with_another_mind(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(scripted(2)).await;
    let before = world.worker("host").await;
    let after = world.careful("host").await;
    assert!(world.claim_with(&before, Uuid::new_v4(), 1).await.is_err(), "superseded");
    assert_eq!(world.claim(&after, 1).await, []);
}
