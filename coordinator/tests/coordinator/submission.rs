use domain::{SweepSpec, expand};
use proto::v1::sweep_service_server::SweepService;
use proto::{Reason, Wire, v1};
use sqlx::PgPool;
use tonic::Request;
use tonic_types::StatusExt;
use uuid::Uuid;

use crate::world::{World, column, draft, named, reason, spec};

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn the_stored_trials_are_the_domains_in_its_order(pool: PgPool) {
    let world = World::new(&pool);
    let draft = draft(&[1, 32, 1024], &[0.01, 0.1], &[0, 1]);
    let expected = expand(&SweepSpec::try_new(draft.clone()).unwrap());
    let sweep = world.submit(draft.to_wire()).await;
    let table = world.rows(v1::View::Trial, &sweep, "").await;
    let numbers = |name: &str| column(&table, name).into_iter().map(Option::unwrap).collect::<Vec<_>>();
    assert_eq!(
        numbers("batch_size"),
        expected.iter().map(|t| t.settings.batch_size.to_string()).collect::<Vec<_>>()
    );
    assert_eq!(
        numbers("learning_rate"),
        expected.iter().map(|t| t.settings.learning_rate.get().to_string()).collect::<Vec<_>>()
    );
    assert_eq!(numbers("seed"), expected.iter().map(|t| t.settings.seed.to_string()).collect::<Vec<_>>());
    assert_eq!(numbers("parameters")[0], r#"{"batch_size":1,"learning_rate":0.01,"seed":0}"#);
    let ids = numbers("trial_id");
    assert!(ids.is_sorted(), "ids rise in grid order");
    assert_eq!(ids.len(), 12);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn the_same_request_gives_the_same_sweep(pool: PgPool) {
    let world = World::new(&pool);
    let request_id = Uuid::new_v4();
    let first = world.create(named("seed", 2), request_id).await.unwrap();
    let second = world.create(named("seed", 2), request_id).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(world.number("select count(*) from core.trial").await, 2);
    assert_eq!(reason(world.create(named("seed", 3), request_id).await), Reason::RequestIdReused);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_submitted_sweep_reads_back(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.create(named("seed", 2), Uuid::new_v4()).await.unwrap();
    assert_eq!((sweep.name.as_str(), sweep.state()), ("seed", v1::SweepState::Active));
    assert_eq!(sweep.counts.unwrap(), v1::TrialCounts { pending: 2, ..Default::default() });
    assert_eq!(sweep.spec.as_ref().unwrap(), &named("seed", 2));
    assert_eq!(sweep.source, "# a sweep");
    assert!(sweep.created_at.is_some() && sweep.finished_at.is_none());
    assert_eq!(world.sweep("seed").await, sweep);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn every_broken_rule_is_told_with_its_path_and_nothing_is_stored(pool: PgPool) {
    let world = World::new(&pool);
    let mut broken = draft(&[32, 0, 32], &[-0.1], &[0]);
    broken.train.momentum = 1.5;
    broken.name = Some("No Such Name".to_owned());
    let status = world.create(broken.to_wire(), Uuid::new_v4()).await.unwrap_err();
    assert_eq!(Reason::of(&status), Some(Reason::InvalidSpec));
    let violations = status.get_details_bad_request().unwrap().field_violations;
    let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
    for field in
        ["name", "grid.batch_size[1]", "grid.batch_size[2]", "grid.learning_rate[0]", "train.momentum"]
    {
        assert!(fields.contains(&field), "{field} in {fields:?}");
    }
    let status = world.create(v1::SweepSpec { model: None, ..spec(1) }, Uuid::new_v4()).await.unwrap_err();
    assert_eq!(Reason::of(&status), Some(Reason::InvalidRequest));
    assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, "model");
    assert_eq!(world.number("select count(*) from core.sweep").await, 0);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_check_stores_nothing(pool: PgPool) {
    let world = World::new(&pool);
    let request = v1::CreateSweepRequest { spec: Some(spec(7)), validate_only: true, ..Default::default() };
    let sweep = world.sweeps.create_sweep(Request::new(request)).await.unwrap().into_inner().sweep.unwrap();
    assert_eq!((sweep.sweep_id.as_str(), sweep.counts.unwrap().pending), ("", 7));
    assert_eq!(world.number("select count(*) from core.sweep").await, 0);
}
