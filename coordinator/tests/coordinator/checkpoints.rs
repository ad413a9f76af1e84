//! A trial goes on from what an earlier attempt saved: its curves are one, and whoever gets further keeps its tries.

use proto::Reason;
use proto::v1::{self, record::Kind};
use sqlx::PgPool;

use crate::world::{World, cell, column, points, reason, result, spec};

pub fn checkpoint(step: u64, last_seq: u64) -> v1::Checkpoint {
    v1::Checkpoint {
        step,
        last_seq,
        examples: step * 32,
        path: format!("checkpoints/a-trial/{step}.safetensors"),
        sha256: "0f".repeat(32),
        bytes: 1_000,
        // The lease says whose it is.
        attempt: 99,
    }
}

pub fn resumed(attempt: u32, last_seq: u64, step: u64) -> Vec<v1::Record> {
    vec![v1::Record { kind: Some(Kind::Resumed(v1::Resumed { attempt, last_seq, step })) }]
}

fn told(checkpoint: Option<&v1::Checkpoint>) -> Option<(u32, u64, u64, String)> {
    checkpoint.map(|told| (told.attempt, told.step, told.last_seq, told.path.clone()))
}

fn steps(table: &v1::Table) -> Vec<String> {
    column(table, "step").into_iter().flatten().collect()
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn curves_of_a_trial_that_went_on_twice_have_each_step_once(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let worker = world.worker("one").await;

    let first = world.claim_one(&worker).await;
    world.report(&first, 1, points(1, 5)).await.unwrap();
    world.save(&first, checkpoint(4, 4)).await.unwrap();
    world.report(&first, 6, points(6, 2)).await.unwrap();
    world.expire_all().await;
    world.skip_delays().await;

    let leased = world.claim(&worker, 1).await.pop().unwrap();
    let expected = (1, 4, 4, "checkpoints/a-trial/4.safetensors".to_owned());
    assert_eq!(told(leased.checkpoint.as_ref()), Some(expected));
    let second = leased.lease.unwrap();
    world.report(&second, 1, resumed(1, 4, 4)).await.unwrap();
    world.report(&second, 2, points(5, 3)).await.unwrap();
    world.save(&second, checkpoint(6, 3)).await.unwrap();
    world.release(&second).await.unwrap();

    let third = world.claim_one(&worker).await;
    world.report(&third, 1, [resumed(2, 3, 6), points(7, 4)].concat()).await.unwrap();
    for trial in ["", "0"] {
        let metrics = world.rows(v1::View::Metric, &sweep, trial).await;
        assert_eq!(steps(&metrics), (1..=10).map(|step| step.to_string()).collect::<Vec<_>>());
        assert!(column(&metrics, "attempt").iter().all(|attempt| attempt.as_deref() == Some("3")));
    }
    world.complete(&third, result(0.5), 5).await.unwrap();
    assert_eq!(steps(&world.rows(v1::View::Metric, &sweep, "").await).len(), 10);
    assert_eq!(world.number("select count(*) from core.checkpoint").await, 0, "a result needs none");
    let log = column(&world.rows(v1::View::Log, &sweep, "").await, "text");
    assert_eq!(
        log.into_iter().flatten().collect::<Vec<_>>(),
        [
            "goes on after step 4 from the checkpoint of attempt 1",
            "goes on after step 6 from the checkpoint of attempt 2"
        ]
    );
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn an_attempt_that_starts_over_shows_its_own_points_only(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let worker = world.worker("one").await;
    let first = world.claim_one(&worker).await;
    world.report(&first, 1, points(1, 5)).await.unwrap();
    world.save(&first, checkpoint(5, 5)).await.unwrap();
    world.release(&first).await.unwrap();

    let second = world.claim_one(&worker).await;
    world.report(&second, 1, points(1, 2)).await.unwrap();
    assert_eq!(steps(&world.rows(v1::View::Metric, &sweep, "").await), ["1", "2"]);
    // What it saves is newer, though not as far; and it is too late to go on from another.
    world.save(&second, checkpoint(2, 2)).await.unwrap();
    assert_eq!(reason(world.report(&second, 3, resumed(1, 5, 5)).await), Reason::InvalidRequest);
    world.release(&second).await.unwrap();
    let leased = world.claim(&worker, 1).await.pop().unwrap();
    assert_eq!(leased.checkpoint.map(|told| (told.attempt, told.step)), Some((2, 2)));
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_stale_attempt_saves_nothing_and_a_late_reply_changes_nothing(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(1)).await;
    let (one, two) = (world.worker("one").await, world.worker("two").await);
    let zombie = world.claim_one(&one).await;
    world.report(&zombie, 1, points(1, 9)).await.unwrap();
    for step in [5, 8, 5, 8] {
        world.save(&zombie, checkpoint(step, step)).await.unwrap();
    }
    assert_eq!(world.number("select step from core.checkpoint").await, 8);
    assert_eq!(reason(world.save(&zombie, checkpoint(10, 10)).await), Reason::RecordsMissing);

    world.expire_all().await;
    world.skip_delays().await;
    let heir = world.claim_one(&two).await;
    assert_eq!(reason(world.save(&zombie, checkpoint(9, 9)).await), Reason::LeaseLost);
    let forged = v1::Lease { token: zombie.token.clone(), ..heir.clone() };
    assert_eq!(reason(world.save(&forged, checkpoint(9, 0)).await), Reason::LeaseLost);
    assert_eq!(world.number("select step from core.checkpoint").await, 8);
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn nobody_goes_on_from_what_never_was(pool: PgPool) {
    let world = World::new(&pool);
    world.submit(spec(1)).await;
    let worker = world.worker("one").await;
    let first = world.claim_one(&worker).await;
    world.report(&first, 1, points(1, 5)).await.unwrap();
    world.release(&first).await.unwrap();
    let second = world.claim_one(&worker).await;
    for (attempt, last_seq) in [(2, 0), (3, 0), (0, 0), (1, 6)] {
        let refused = world.report(&second, 1, resumed(attempt, last_seq, 1)).await;
        assert_eq!(reason(refused), Reason::InvalidRequest, "{attempt} up to {last_seq}");
    }
    let twice = [resumed(1, 5, 5), resumed(1, 4, 4)].concat();
    assert_eq!(reason(world.report(&second, 1, twice).await), Reason::InvalidRequest);
    world.report(&second, 1, resumed(1, 5, 5)).await.unwrap();
    world.report(&second, 1, resumed(1, 5, 5)).await.unwrap();
    assert_eq!(world.number("select count(*) from core.lineage").await, 1, "a replay changes nothing");
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_trial_that_gets_further_each_time_is_never_given_up_and_a_crash_loop_is(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let worker = world.worker("one").await;
    let kill = v1::FailureKind::SuspectedHostOom;
    for attempt in 1..=10 {
        let leased = world.claim(&worker, 1).await.pop().unwrap();
        assert_eq!(leased.micro_batch_cap, 0, "it got further, so its memory is not to blame");
        let lease = leased.lease.unwrap();
        assert_eq!(lease.attempt, attempt);
        world.save(&lease, checkpoint(u64::from(attempt), 0)).await.unwrap();
        assert!(world.fail(&lease, kill, "killed").await.unwrap());
        world.skip_delays().await;
    }
    // From here on it saves no step that was not saved before.
    for tries in [2, 1] {
        let leased = world.claim(&worker, 1).await.pop().unwrap();
        let lease = leased.lease.unwrap();
        world.save(&lease, checkpoint(10, 0)).await.unwrap();
        assert_eq!(world.fail(&lease, kill, "killed").await.unwrap(), tries == 2);
        world.skip_delays().await;
    }
    assert_eq!(world.counts(&sweep).await.failed, 1);
    // By hand it goes on from there, in smaller pieces.
    assert_eq!(world.retry(&sweep).await, 1);
    let leased = world.claim(&worker, 1).await.pop().unwrap();
    assert_eq!(leased.checkpoint.map(|told| told.step), Some(10));
    assert!(leased.micro_batch_cap > 0);
    assert_eq!(cell(&world.rows(v1::View::Result, &sweep, "").await, "attempts").as_deref(), Some("13"));
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn being_given_back_often_is_no_reason_to_give_up_what_gets_further(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(1)).await;
    let worker = world.worker("one").await;
    for step in 1..=120 {
        let lease = world.claim_one(&worker).await;
        world.save(&lease, checkpoint(step, 0)).await.unwrap();
        world.release(&lease).await.unwrap();
    }
    assert_eq!(world.counts(&sweep).await.pending, 1);
}
