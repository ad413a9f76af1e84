//! Trials a second, claimed and ended.

use std::time::{Duration, Instant};

use anyhow::Result;
use bench_measure::Sample;
use futures::future::try_join_all;

use crate::null_worker::NullWorker;
use crate::postgres::Postgres;
use crate::stack::Stack;
use crate::{Arguments, floor, optuna, sweeps};

/// Workers at once; the first number is that of Optuna's processes.
const WORKERS: [u32; 3] = [2, 16, 64];

/// How long a claim may wait: never long, as there are trials.
const WAIT: Duration = Duration::from_secs(5);

/// Trials of one round's sweep: more than any round gets through.
const TRIALS: u64 = 60_000;

pub async fn run(arguments: &Arguments, postgres: &Postgres) -> Result<()> {
    let mut ours = [const { Sample(Vec::new()) }; WORKERS.len()];
    let mut theirs = Sample::default();
    let mut plain = Sample::default();
    let stack = Stack::start(&arguments.coordinator, postgres, "bench_throughput").await?;
    for round in 0..arguments.rounds {
        eprintln!("bench: throughput, round {} of {}", round + 1, arguments.rounds);
        for (workers, sample) in WORKERS.iter().zip(&mut ours) {
            sample.0.push(trials_per_second(&stack, postgres, *workers, arguments.seconds).await?);
        }
        if let (Some(python), Some(script)) = (&arguments.python, &arguments.script) {
            let rate = optuna::trials_per_second(python, script, postgres, WORKERS[0], arguments.seconds);
            theirs.0.push(rate.await?);
        }
        plain.0.push(floor::trials_per_second(postgres, WORKERS[0], arguments.seconds).await?);
    }
    println!("\n## Trials claimed and ended in a second\n");
    println!("| what | trials/s | over Optuna | over plain SQL |");
    println!("| --- | --: | --: | --: |");
    for (workers, sample) in WORKERS.iter().zip(&ours) {
        let name = format!("batchsweep, {workers} workers, a trial a call");
        println!("{}", row(&name, sample, &theirs, &plain));
    }
    println!("{}", row("Optuna, 2 processes", &theirs, &theirs, &plain));
    println!("{}", row("plain SQL, 2 connections, 32 trials a transaction", &plain, &theirs, &plain));
    Ok(())
}

fn row(name: &str, sample: &Sample, theirs: &Sample, plain: &Sample) -> String {
    let over = |those: &Sample| {
        if those.0.is_empty() { "-".to_owned() } else { sample.over(those).told(2) }
    };
    format!("| {name} | {} | {} | {} |", sample.told(0), over(theirs), over(plain))
}

async fn trials_per_second(stack: &Stack, postgres: &Postgres, workers: u32, seconds: f64) -> Result<f64> {
    let connection = stack.connect()?;
    let sweep = sweeps::submit(&connection, TRIALS).await?;
    stack.analyze(postgres).await?;
    // Two connections, as there are two processes of Optuna.
    let connections = [stack.connect()?, stack.connect()?];
    let registering = (0..workers).map(|index| {
        NullWorker::register(connections[index as usize % 2].clone(), format!("worker-{index}"))
    });
    let workers = try_join_all(registering).await?;
    let started = Instant::now();
    let end = Duration::from_secs_f64(seconds);
    let working = workers.into_iter().map(|worker| {
        tokio::spawn(async move {
            let mut done = 0u32;
            while started.elapsed() < end {
                for lease in worker.claim(WAIT).await? {
                    worker.complete(lease, 0).await?;
                    done += 1;
                }
            }
            anyhow::Ok(done)
        })
    });
    let mut done = 0;
    for worker in try_join_all(working).await? {
        done += worker?;
    }
    let rate = f64::from(done) / started.elapsed().as_secs_f64();
    sweeps::cancel(&connection, &sweep).await?;
    Ok(rate)
}
