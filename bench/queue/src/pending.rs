//! What a trial costs while few or many wait.

use std::time::{Duration, Instant};

use anyhow::Result;
use bench_measure::Sample;
use futures::future::try_join_all;

use crate::null_worker::NullWorker;
use crate::postgres::Postgres;
use crate::stack::Stack;
use crate::{Arguments, sweeps};

/// Trials that wait.
const PENDING: [u64; 3] = [1_000, 10_000, 100_000];

/// Trials timed, one after the other, in each round: few enough that as many wait at the end.
const TRIALS: u32 = 100;

/// Workers at once, where what they get through in a second is timed.
const WORKERS: u32 = 16;

const WAIT: Duration = Duration::from_secs(5);

struct Costs {
    claim: Sample,
    complete: Sample,
    /// Trials a second of all workers together.
    rate: Sample,
}

pub async fn run(arguments: &Arguments, postgres: &Postgres) -> Result<()> {
    let mut costs = PENDING.map(|_| Costs {
        claim: Sample::default(),
        complete: Sample::default(),
        rate: Sample::default(),
    });
    for round in 0..arguments.rounds {
        eprintln!("bench: pending, round {} of {}", round + 1, arguments.rounds);
        for (pending, costs) in PENDING.iter().zip(&mut costs) {
            // A database of its own: what an earlier sweep left behind is another question.
            let database = format!("bench_pending_{pending}");
            let stack = Stack::start(&arguments.coordinator, postgres, &database).await?;
            measure(&stack, *pending, costs).await?;
        }
    }
    println!("\n## What a trial costs while others wait\n");
    println!(
        "One worker, one trial after the other; then {WORKERS} workers at once. Medians of the rounds, and their range.\n"
    );
    println!(
        "| waiting | claim, ms | completion, ms | both, over {} waiting | trials/s, {WORKERS} workers |",
        PENDING[0]
    );
    println!("| --: | --: | --: | --: | --: |");
    let both = |costs: &Costs| {
        Sample(
            costs.claim.0.iter().zip(&costs.complete.0).map(|(claim, complete)| claim + complete).collect(),
        )
    };
    for (pending, costs_here) in PENDING.iter().zip(&costs) {
        println!(
            "| {pending} | {} | {} | {} | {} |",
            costs_here.claim.told(2),
            costs_here.complete.told(2),
            both(costs_here).over(&both(&costs[0])).told(2),
            costs_here.rate.told(0),
        );
    }
    Ok(())
}

async fn measure(stack: &Stack, pending: u64, costs: &mut Costs) -> Result<()> {
    let connection = stack.connect()?;
    sweeps::submit(&connection, pending).await?;
    let worker = NullWorker::register(stack.connect()?, "worker-0".to_owned()).await?;
    let (mut claiming, mut completing) = (Duration::ZERO, Duration::ZERO);
    // A few first, so that connections and plans are there.
    for trial in 0..TRIALS + 20 {
        let started = Instant::now();
        let leases = worker.claim(WAIT).await?;
        let claimed = started.elapsed();
        for lease in leases {
            worker.complete(lease, 0).await?;
        }
        if trial >= 20 {
            claiming += claimed;
            completing += started.elapsed() - claimed;
        }
    }
    costs.claim.0.push((claiming / TRIALS).as_secs_f64() * 1e3);
    costs.complete.0.push((completing / TRIALS).as_secs_f64() * 1e3);

    let registering =
        (0..WORKERS).map(|index| NullWorker::register(connection.clone(), format!("worker-{index}")));
    let workers = try_join_all(registering).await?;
    let each = (pending / u64::from(WORKERS) / 4).min(50) as u32;
    let started = Instant::now();
    let working = workers.into_iter().map(|worker| {
        tokio::spawn(async move {
            for _ in 0..each {
                for lease in worker.claim(WAIT).await? {
                    worker.complete(lease, 0).await?;
                }
            }
            anyhow::Ok(())
        })
    });
    for worker in try_join_all(working).await? {
        worker?;
    }
    costs.rate.0.push(f64::from(WORKERS * each) / started.elapsed().as_secs_f64());
    Ok(())
}
