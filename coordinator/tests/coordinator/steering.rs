use domain::lifecycle::{TrialEvent, TrialStatus};
use proto::Reason;
use proto::v1::{self, FailureKind, LeaseOrder, SweepState};
use sqlx::PgPool;

use crate::world::{World, column, reason, result, spec};

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_paused_sweep_hands_out_nothing_until_it_is_resumed(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(3)).await;
    let worker = world.worker("one").await;
    let lease = world.claim_one(&worker).await;
    for _ in 0..2 {
        assert_eq!(world.pause(&sweep).await.unwrap().state(), SweepState::Paused);
    }
    assert_eq!(world.claim(&worker, 1).await, []);
    assert_eq!(world.heartbeat(&worker, std::slice::from_ref(&lease)).await.unwrap(), [LeaseOrder::Continue]);
    world.complete(&lease, result(0.5), 0).await.unwrap();
    for _ in 0..2 {
        assert_eq!(world.resume(&sweep).await.unwrap().state(), SweepState::Active);
    }
    assert_eq!(world.claim(&worker, 5).await.len(), 2);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn sweeps_share_the_workers_by_weight_which_may_change_meanwhile(pool: PgPool) {
    let world = World::new(&pool);
    let (light, heavy) = (world.submit(spec(20)).await, world.submit(spec(20)).await);
    assert_eq!(world.sweep(&heavy).await.weight, 1.0);
    assert_eq!(world.weigh(&heavy, 3.0).await.unwrap().weight, 3.0);
    let worker = world.worker("one").await;
    assert_eq!(world.claim(&worker, 8).await.len(), 8);
    assert_eq!((world.counts(&light).await.running, world.counts(&heavy).await.running), (2, 6));
    // What runs counts: the other one catches up with its new share.
    world.weigh(&light, 6.0).await.unwrap();
    assert_eq!(world.claim(&worker, 10).await.len(), 10);
    assert_eq!((world.counts(&light).await.running, world.counts(&heavy).await.running), (12, 6));
    for weight in [0.0, -1.0, 1e4, f64::NAN] {
        assert_eq!(reason(world.weigh(&heavy, weight).await), Reason::InvalidRequest);
    }
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_drained_sweep_lets_running_trials_finish(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(4)).await;
    let worker = world.worker("one").await;
    let (finishes, fails) = (world.claim_one(&worker).await, world.claim_one(&worker).await);
    let cancelled = world.cancel(&sweep, true).await;
    assert_eq!(cancelled.state(), SweepState::Cancelled);
    assert_eq!(cancelled.counts.unwrap(), v1::TrialCounts { running: 2, cancelled: 2, ..Default::default() });
    assert_eq!(world.claim(&worker, 1).await, []);
    assert_eq!(
        world.heartbeat(&worker, std::slice::from_ref(&finishes)).await.unwrap(),
        [LeaseOrder::Continue]
    );
    world.complete(&finishes, result(0.5), 0).await.unwrap();
    // It would be tried again, were there a queue to go back to.
    assert!(!world.fail(&fails, FailureKind::Crash, "signal 11").await.unwrap());
    let ended = world.sweep(&sweep).await;
    assert_eq!(ended.state(), SweepState::Finished);
    assert!(ended.finished_at.is_some());
    assert_eq!(ended.counts.unwrap(), v1::TrialCounts { succeeded: 1, cancelled: 3, ..Default::default() });
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_stopped_sweep_ends_its_running_trials(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(3)).await;
    let worker = world.worker("one").await;
    let (released, silent) = (world.claim_one(&worker).await, world.claim_one(&worker).await);
    world.cancel(&sweep, true).await;
    world.cancel(&sweep, false).await;
    world.cancel(&sweep, true).await;
    let orders = world.heartbeat(&worker, &[released.clone(), silent.clone()]).await.unwrap();
    assert_eq!(orders, [LeaseOrder::Stop, LeaseOrder::Stop], "a stop after a drain stops, and stays");
    world.release(&released).await.unwrap();
    world.release(&released).await.unwrap();
    assert_eq!(world.expire_all().await, 1);
    assert_eq!(world.counts(&sweep).await, v1::TrialCounts { cancelled: 3, ..Default::default() });
    assert_eq!(world.heartbeat(&worker, &[silent]).await.unwrap(), [LeaseOrder::Lost]);
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_cancelled_or_finished_sweep_is_neither_paused_nor_resumed(pool: PgPool) {
    let world = World::new(&pool);
    let cancelled = world.submit(spec(2)).await;
    let worker = world.worker("one").await;
    world.claim_one(&worker).await;
    world.cancel(&cancelled, true).await;
    assert_eq!(reason(world.pause(&cancelled).await), Reason::WrongState);
    assert_eq!(reason(world.resume(&cancelled).await), Reason::WrongState);
    let finished = world.submit(spec(1)).await;
    world.complete(&world.claim_one(&worker).await, result(0.5), 0).await.unwrap();
    assert_eq!(reason(world.pause(&finished).await), Reason::WrongState);
    assert_eq!(
        world.cancel(&finished, false).await.state(),
        SweepState::Finished,
        "nothing is left to cancel"
    );
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn retry_reruns_what_failed_or_was_cancelled_with_fresh_tries(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = world.submit(spec(3)).await;
    let worker = world.worker("one").await;
    world.complete(&world.claim_one(&worker).await, result(0.5), 0).await.unwrap();
    let failed = world.claim_one(&worker).await;
    world.fail(&failed, FailureKind::Input, "no such folder").await.unwrap();
    world.cancel(&sweep, false).await;
    assert_eq!(world.retry(&sweep).await, 2);
    assert_eq!(world.retry(&sweep).await, 0);
    assert_eq!(world.sweep(&sweep).await.state(), SweepState::Active);
    assert_eq!(reason(world.complete(&failed, result(0.1), 0).await), Reason::LeaseLost);
    for trial in world.claim(&worker, 5).await {
        let lease = trial.lease.unwrap();
        assert_eq!(lease.attempt, if lease.trial_id == failed.trial_id { 2 } else { 1 });
        assert!(world.fail(&lease, FailureKind::Trainer, "again").await.unwrap(), "the tries are fresh");
    }
    world.check_invariants().await;
}

/// Ten trials, one in each state.
async fn one_trial_in_each_state(world: &World) -> String {
    let sweep = world.submit(spec(10)).await;
    let worker = world.worker("one").await;
    let leases: Vec<_> =
        world.claim(&worker, 7).await.into_iter().map(|trial| trial.lease.unwrap()).collect();
    let outcomes =
        [v1::Outcome::Succeeded, v1::Outcome::Diverged, v1::Outcome::Infeasible, v1::Outcome::Stopped];
    for (lease, outcome) in leases.iter().zip(outcomes) {
        let result = v1::TrialResult { outcome: outcome.into(), ..result(0.5) };
        world.complete(lease, result, 0).await.unwrap();
    }
    world.fail(&leases[4], FailureKind::Input, "no").await.unwrap();
    world.release(&leases[5]).await.unwrap();
    world
        .sql(
            "update core.trial_state set status = 'cancelled', ended_at = now()
             where attempt = 1 and status = 'pending'",
        )
        .await;
    for (index, status) in [(8_i64, "undecided"), (9, "skipped")] {
        sqlx::query(
            "update core.trial_state set status = $1, ended_at = case when $1 = 'skipped' then now() end
             from core.trial
             where trial.trial_id = trial_state.trial_id and trial_index = $2",
        )
        .bind(status)
        .bind(index)
        .execute(&world.store.requests)
        .await
        .unwrap();
    }
    let statuses: std::collections::HashSet<_> = statuses(world, &sweep).await.into_iter().collect();
    assert_eq!(statuses.len(), TrialStatus::ALL.len());
    sweep
}

async fn statuses(world: &World, sweep: &str) -> Vec<TrialStatus> {
    let table = world.rows(v1::View::Trial, sweep, "").await;
    column(&table, "status").into_iter().map(|status| status.unwrap().parse().unwrap()).collect()
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_cancellation_moves_trials_as_the_life_cycle_says(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = one_trial_in_each_state(&world).await;
    let before = statuses(&world, &sweep).await;
    world.cancel(&sweep, false).await;
    world.expire_all().await;
    let expected: Vec<_> =
        before.iter().map(|status| status.after(TrialEvent::Cancelled, true).unwrap_or(*status)).collect();
    assert_eq!(statuses(&world, &sweep).await, expected);
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_retry_moves_trials_as_the_life_cycle_says(pool: PgPool) {
    let world = World::new(&pool);
    let sweep = one_trial_in_each_state(&world).await;
    let before = statuses(&world, &sweep).await;
    world.retry(&sweep).await;
    let expected: Vec<_> =
        before.iter().map(|status| status.after(TrialEvent::Retried, true).unwrap_or(*status)).collect();
    assert_eq!(statuses(&world, &sweep).await, expected);
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_trial_that_fails_while_its_sweep_is_cancelled_does_not_stay_in_the_queue(pool: PgPool) {
    let world = std::sync::Arc::new(World::new(&pool));
    let sweep = world.submit(spec(1)).await;
    let lease = world.claim_one(&world.worker("one").await).await;
    // The cancellation has begun, but is not stored, when the failure arrives.
    let mut cancelling = world.store.begin().await.unwrap();
    let sweep_id = sweep.parse().unwrap();
    coordinator::store::steering::cancel(&mut cancelling, sweep_id, coordinator::store::sweep::Cancel::Stop)
        .await
        .unwrap();
    let failing = tokio::spawn({
        let world = world.clone();
        async move { world.fail(&lease, FailureKind::Crash, "signal 11").await }
    });
    let blocked = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    while world.number(blocked).await == 0 {
        tokio::task::yield_now().await;
    }
    cancelling.commit().await.unwrap();
    assert!(!failing.await.unwrap().unwrap());
    assert_eq!(world.counts(&sweep).await.cancelled, 1);
}
