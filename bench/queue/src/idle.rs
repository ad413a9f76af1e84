//! Workers with nothing to do: how soon one of them has the trial that comes, and what they cost Postgres meanwhile.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bench_measure::Sample;
use futures::future::try_join_all;
use tokio::sync::mpsc;

use crate::null_worker::NullWorker;
use crate::postgres::Postgres;
use crate::stack::{Connection, Stack};
use crate::{Arguments, sweeps};

/// Idle workers.
const WORKERS: [usize; 3] = [10, 100, 1_000];

/// Of one connection.
const WORKERS_A_CONNECTION: usize = 50;

/// How long each claim waits.
const WAIT: Duration = Duration::from_secs(20);

pub async fn run(arguments: &Arguments, postgres: &Postgres) -> Result<()> {
    println!("\n## Idle workers\n");
    println!(
        "From the moment that a sweep of one trial is sent until a waiting worker has the trial: its submission is in it.\n"
    );
    println!("| idle workers | median, ms | p99, ms | highest, ms | transactions/s while idle |");
    println!("| --: | --: | --: | --: | --: |");
    let trials = if arguments.quick { 5 } else { 200 };
    for workers in WORKERS {
        eprintln!("bench: {workers} idle workers");
        let stack = Stack::start(&arguments.coordinator, postgres, "bench_idle").await?;
        let connections: Vec<Connection> =
            (0..workers.div_ceil(WORKERS_A_CONNECTION)).map(|_| stack.connect()).collect::<Result<_>>()?;
        let (tell, mut told) = mpsc::unbounded_channel();
        let mut idle = Vec::new();
        // A few at a time: a thousand at once would wait for each other.
        for start in (0..workers).step_by(WORKERS_A_CONNECTION) {
            let registering = (start..workers.min(start + WORKERS_A_CONNECTION)).map(|index| {
                NullWorker::register(
                    connections[index / WORKERS_A_CONNECTION].clone(),
                    format!("idle-{index}"),
                )
            });
            for worker in try_join_all(registering).await? {
                let tell = tell.clone();
                idle.push(tokio::spawn(async move {
                    loop {
                        for lease in worker.claim(WAIT).await? {
                            let _ = tell.send(Instant::now());
                            worker.complete(lease, 0).await?;
                        }
                        if tell.is_closed() {
                            return anyhow::Ok(());
                        }
                    }
                }));
            }
        }
        let submitter = stack.connect()?;
        let mut times = Vec::new();
        for _ in 0..trials {
            let sent = Instant::now();
            sweeps::submit(&submitter, 1).await?;
            let had = told.recv().await.context("the workers are gone")?;
            times.push(had - sent);
            // Its completion shall not meet the next one.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let load = transactions_a_second(postgres, &stack, arguments.quick).await?;
        idle.iter().for_each(tokio::task::JoinHandle::abort);
        let times = Sample::of_times(times);
        println!(
            "| {workers} | {:.1} | {:.1} | {:.1} | {load:.1} |",
            times.median(),
            times.quantile(0.99),
            times.quantile(1.0)
        );
    }
    Ok(())
}

async fn transactions_a_second(postgres: &Postgres, stack: &Stack, quick: bool) -> Result<f64> {
    // Postgres counts with some delay: what is still to be counted is let through first.
    let (settle, watch) = if quick { (1, 1) } else { (3, 20) };
    tokio::time::sleep(Duration::from_secs(settle)).await;
    let (before, started) = (postgres.transactions(&stack.database).await?, Instant::now());
    tokio::time::sleep(Duration::from_secs(watch)).await;
    let after = postgres.transactions(&stack.database).await?;
    Ok((after - before) / started.elapsed().as_secs_f64())
}
