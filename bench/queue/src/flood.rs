//! Many metric rows at once, and whether heartbeats still come through.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bench_measure::Sample;
use futures::future::try_join_all;

use crate::null_worker::NullWorker;
use crate::postgres::Postgres;
use crate::stack::Stack;
use crate::{Arguments, sweeps};

/// Trials that report at the same time, each on a connection of its own.
const WRITERS: usize = 4;

/// Rows of one call.
const ROWS: u64 = 5_000;

/// Between two heartbeats of one worker.
const HEARTBEAT: Duration = Duration::from_millis(50);

const WAIT: Duration = Duration::from_secs(5);

pub async fn run(arguments: &Arguments, postgres: &Postgres) -> Result<()> {
    let mut rates = Sample::default();
    let mut heartbeats = Vec::new();
    let stack = Stack::start(&arguments.coordinator, postgres, "bench_flood").await?;
    let sweep = sweeps::submit(&stack.connect()?, (WRITERS * arguments.rounds) as u64).await?;
    for round in 0..arguments.rounds {
        eprintln!("bench: flood, round {} of {}", round + 1, arguments.rounds);
        let (rate, times) = flood(&stack, arguments.seconds).await?;
        rates.0.push(rate);
        heartbeats.extend(times);
    }
    let stored = postgres.ask(&stack.database, "select count(*) from batchsweep.metric").await?;
    sweeps::cancel(&stack.connect()?, &sweep).await?;
    let heartbeats = Sample::of_times(heartbeats);
    println!("\n## A flood of metric rows\n");
    println!("{WRITERS} trials, {ROWS} rows a call; {stored} rows stored.\n");
    println!("| rows/s | heartbeats | median, ms | p99, ms | highest, ms |");
    println!("| --: | --: | --: | --: | --: |");
    println!(
        "| {} | {} | {:.1} | {:.1} | {:.1} |",
        rates.told(0),
        heartbeats.0.len(),
        heartbeats.median(),
        heartbeats.quantile(0.99),
        heartbeats.quantile(1.0)
    );
    Ok(())
}

async fn flood(stack: &Stack, seconds: f64) -> Result<(f64, Vec<Duration>)> {
    let registering = (0..WRITERS)
        .map(|index| async move { NullWorker::register(stack.connect()?, format!("writer-{index}")).await });
    let workers = try_join_all(registering).await?;
    let leases = try_join_all(workers.iter().map(|worker| worker.claim(WAIT))).await?.concat();
    ensure!(leases.len() == WRITERS, "{} of {WRITERS} trials were handed out", leases.len());
    let started = Instant::now();
    let end = Duration::from_secs_f64(seconds);
    let writing = workers.iter().cloned().zip(leases.iter().cloned()).map(|(worker, lease)| {
        tokio::spawn(async move {
            let mut last = 0;
            while started.elapsed() < end {
                last = worker.report(&lease, last + 1, ROWS).await?;
            }
            anyhow::Ok((worker, lease, last))
        })
    });
    let beating = workers.iter().cloned().zip(leases.iter().cloned()).map(|(worker, lease)| {
        tokio::spawn(async move {
            let mut times = Vec::new();
            while started.elapsed() < end {
                let sent = Instant::now();
                worker.heartbeat(std::slice::from_ref(&lease)).await?;
                times.push(sent.elapsed());
                tokio::time::sleep(HEARTBEAT).await;
            }
            anyhow::Ok(times)
        })
    });
    let (writing, beating) = (try_join_all(writing), try_join_all(beating.collect::<Vec<_>>()));
    let (written, beaten) = tokio::try_join!(writing, beating)?;
    let elapsed = started.elapsed().as_secs_f64();
    let mut rows = 0;
    for written in written {
        let (worker, lease, last) = written?;
        rows += last;
        worker.complete(lease, last).await?;
    }
    let mut times = Vec::new();
    for beaten in beaten {
        times.extend(beaten?);
    }
    Ok((rows as f64 / elapsed, times))
}
