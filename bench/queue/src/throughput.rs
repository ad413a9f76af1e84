//! Trials a second, claimed and ended.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bench_measure::Sample;
use futures::future::try_join_all;

use crate::floor::{BATCH, Ends};
use crate::null_worker::NullWorker;
use crate::postgres::Postgres;
use crate::stack::Stack;
use crate::{Arguments, floor, optuna, sweeps};

/// Workers at once; the first number is that of Optuna's processes.
const WORKERS: [u32; 3] = [2, 16, 64];

/// Workers that claim several trials at a time, and connections of plain SQL that end theirs one by one: with more neither
/// gets faster.
const BATCHING: u32 = 16;

/// How long a claim may wait: never long, as there are trials.
const WAIT: Duration = Duration::from_secs(5);

/// Trials of one round's sweep: more than any round gets through.
const TRIALS: u64 = 100_000;

pub async fn run(arguments: &Arguments, postgres: &Postgres) -> Result<()> {
    let mut ours = [const { Sample(Vec::new()) }; WORKERS.len()];
    let mut theirs = Sample::default();
    let (mut in_batches, mut plain, mut one_by_one) =
        (Sample::default(), Sample::default(), Sample::default());
    let stack = Stack::start(&arguments.coordinator, postgres, "bench_throughput").await?;
    for round in 0..arguments.rounds {
        eprintln!("bench: throughput, round {} of {}", round + 1, arguments.rounds);
        for (workers, sample) in WORKERS.iter().zip(&mut ours) {
            sample.0.push(trials_per_second(&stack, postgres, *workers, 1, arguments.seconds).await?);
        }
        let rate = trials_per_second(&stack, postgres, BATCHING, BATCH, arguments.seconds);
        in_batches.0.push(rate.await?);
        if let (Some(python), Some(script)) = (&arguments.python, &arguments.script) {
            let rate = optuna::trials_per_second(python, script, postgres, WORKERS[0], arguments.seconds);
            theirs.0.push(rate.await?);
        }
        let seconds = arguments.seconds;
        plain.0.push(floor::trials_per_second(postgres, WORKERS[0], Ends::Together, seconds).await?);
        one_by_one.0.push(floor::trials_per_second(postgres, BATCHING, Ends::OneByOne, seconds).await?);
    }
    println!("\n## Trials claimed and ended in a second\n");
    println!("| what | trials/s | over Optuna | over SQL, ended one by one | over SQL, ended together |");
    println!("| --- | --: | --: | --: | --: |");
    let row = |name: &str, sample: &Sample| {
        let over = |those: &Sample| {
            if those.0.is_empty() { "-".to_owned() } else { sample.over(those).told(2) }
        };
        let [theirs, one_by_one, plain] = [&theirs, &one_by_one, &plain].map(over);
        println!("| {name} | {} | {theirs} | {one_by_one} | {plain} |", sample.told(0));
    };
    for (workers, sample) in WORKERS.iter().zip(&ours) {
        row(&format!("batchsweep, {workers} workers, a trial a claim"), sample);
    }
    row(&format!("batchsweep, {BATCHING} workers, up to {BATCH} trials a claim"), &in_batches);
    row("Optuna, 2 processes", &theirs);
    row(
        &format!("plain SQL, {BATCHING} connections, {BATCH} trials a claim, each ended by itself"),
        &one_by_one,
    );
    row(&format!("plain SQL, {} connections, {BATCH} trials a claim, ended together", WORKERS[0]), &plain);
    Ok(())
}

async fn trials_per_second(
    stack: &Stack,
    postgres: &Postgres,
    workers: u32,
    at_a_time: u32,
    seconds: f64,
) -> Result<f64> {
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
                let leases = worker.claim_up_to(at_a_time, WAIT).await?;
                let ended = leases.into_iter().map(|lease| worker.complete(lease, 0));
                done += u32::try_from(try_join_all(ended).await?.len())?;
            }
            anyhow::Ok(done)
        })
    });
    let mut done = 0;
    for worker in try_join_all(working).await? {
        done += worker?;
    }
    ensure!(u64::from(done) < TRIALS, "the workers were through with their trials before the time was over");
    let rate = f64::from(done) / started.elapsed().as_secs_f64();
    sweeps::cancel(&connection, &sweep).await?;
    Ok(rate)
}
