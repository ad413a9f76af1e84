//! Sweeps that get more cells.

use domain::spec::{Goal, GridSpec, LearningRateAxis, SearchSpec, SweepDraft, TrainAxis, TrainKey, Value};
use proto::v1::sweep_service_server::SweepService;
use proto::{Reason, Wire, v1};
use sqlx::PgPool;
use tonic::{Request, Status};

use crate::world::{World, column, draft, reason, result};

impl World {
    async fn extend(&self, sweep: &str, grid: &GridSpec) -> Result<u64, Status> {
        let request = v1::ExtendSweepRequest { sweep: sweep.to_owned(), grid: Some(grid.to_wire()) };
        Ok(self.sweeps.extend_sweep(Request::new(request)).await?.into_inner().added)
    }
}

fn rates(rates: &[f64]) -> LearningRateAxis {
    LearningRateAxis::List(rates.to_vec())
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn only_the_cells_are_trained_that_a_sweep_has_not_got(pool: PgPool) {
    let world = World::new(&pool);
    let worker = world.worker("one").await;
    let spec = draft(&[8, 32], &[0.1, 0.2], &[0]);
    let sweep = world.submit(spec.to_wire()).await;
    for trial in world.claim(&worker, 4).await {
        world.complete(&trial.lease.unwrap(), result(0.5), 0).await.unwrap();
    }
    assert_eq!(world.sweep(&sweep).await.state(), v1::SweepState::Finished);

    let wanted = GridSpec { learning_rate: rates(&[0.2, 0.4]), ..spec.grid.clone() };
    assert_eq!(world.extend(&sweep, &wanted).await.unwrap(), 2);
    assert_eq!(world.extend(&sweep, &wanted).await.unwrap(), 0, "asked for twice");
    let after = world.sweep(&sweep).await;
    assert_eq!(after.state(), v1::SweepState::Active);
    assert_eq!(after.counts.unwrap(), v1::TrialCounts { pending: 2, succeeded: 4, ..Default::default() });
    let grid = GridSpec::from_wire(after.spec.unwrap().grid.unwrap()).unwrap();
    assert_eq!(grid.learning_rate, rates(&[0.1, 0.2, 0.4]));
    let table = world.rows(v1::View::Trial, &sweep, "").await;
    let cells = |name: &str| column(&table, name).into_iter().flatten().collect::<Vec<_>>();
    assert_eq!(cells("trial_index"), ["0", "1", "2", "3", "4", "5"]);
    assert_eq!(cells("learning_rate")[4..], ["0.4", "0.4"]);
    assert_eq!(world.claim(&worker, 9).await.len(), 2);
    world.check_invariants().await;
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_sweep_grows_along_its_own_axes_alone(pool: PgPool) {
    let world = World::new(&pool);
    let spec = draft(&[8], &[0.1], &[0]);
    let sweep = world.submit(spec.to_wire()).await;
    let momentum = TrainAxis { key: TrainKey::Momentum, values: vec![Value::Number(0.9)] };
    let other = GridSpec { train: vec![momentum], ..spec.grid.clone() };
    assert_eq!(reason(world.extend(&sweep, &other).await), Reason::InvalidRequest);
    let impossible = GridSpec { learning_rate: rates(&[-1.0]), ..spec.grid.clone() };
    let refused = world.extend(&sweep, &impossible).await.unwrap_err();
    assert_eq!(Reason::of(&refused), Some(Reason::InvalidSpec));
    let huge = GridSpec { seed: (0..100_001).collect(), ..spec.grid.clone() };
    assert_eq!(Reason::of(&world.extend(&sweep, &huge).await.unwrap_err()), Some(Reason::InvalidSpec));
    let spent = SearchSpec { goal: Goal::Rows, max_trials: Some(1), ..SearchSpec::default() };
    let searched = world.submit(SweepDraft { search: spent, ..spec.clone() }.to_wire()).await;
    let more = GridSpec { learning_rate: rates(&[0.2]), ..spec.grid.clone() };
    let refused = world.extend(&searched, &more).await.unwrap_err();
    assert!(refused.message().contains("max_trials"), "{refused}");
    world.cancel(&sweep, false).await;
    let more = GridSpec { learning_rate: rates(&[0.2]), ..spec.grid.clone() };
    assert_eq!(reason(world.extend(&sweep, &more).await), Reason::WrongState);
    assert_eq!(world.counts(&sweep).await, v1::TrialCounts { cancelled: 1, ..Default::default() });
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_search_goes_on_in_the_grid_that_has_grown(pool: PgPool) {
    let world = World::new(&pool);
    let worker = world.worker("one").await;
    let search = SearchSpec { goal: Goal::Rows, extend: 1, ..SearchSpec::default() };
    let spec = SweepDraft { search, ..draft(&[8], &[0.1, 0.2, 0.4], &[0]) };
    let sweep = world.submit(spec.to_wire()).await;
    // Larger rates are better throughout, so 0.8, past the edge, is tried, and sits on the edge then.
    let train_all = async || {
        loop {
            for trial in world.claim(&worker, 1).await {
                let rate = trial.spec.as_ref().unwrap().settings.as_ref().unwrap().learning_rate;
                let loss = 1.0 + (rate / 3.2).ln().powi(2);
                world.complete(&trial.lease.unwrap(), result(loss), 0).await.unwrap();
            }
            let mut transaction = world.store.begin().await.unwrap();
            let decided =
                coordinator::store::search::decide(&mut transaction, sweep.parse().unwrap()).await.unwrap();
            transaction.commit().await.unwrap();
            if decided.unwrap().is_over {
                return;
            }
        }
    };
    train_all().await;
    let trained = "select count(*) from batchsweep.result where status = 'succeeded'";
    let before = world.number(trained).await;
    let grid = GridSpec { learning_rate: rates(&[1.6, 3.2, 6.4]), ..spec.grid };
    assert_eq!(world.extend(&sweep, &grid).await.unwrap(), 3);
    let grown = GridSpec::from_wire(world.sweep(&sweep).await.spec.unwrap().grid.unwrap()).unwrap();
    assert_eq!(grown.learning_rate, rates(&[0.1, 0.2, 0.4, 1.6, 3.2, 6.4, 0.8]), "0.8 stays known");
    assert_eq!(world.sweep(&sweep).await.state(), v1::SweepState::Active);
    train_all().await;
    // 1.6, 3.2 and 6.4 bracket the best; none of the others is trained again.
    assert_eq!(world.number(trained).await, before + 3);
    assert_eq!(world.sweep(&sweep).await.state(), v1::SweepState::Finished);
    let best: f64 = sqlx::query_scalar("select learning_rate from batchsweep.best_learning_rate")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(best, 3.2);
}
