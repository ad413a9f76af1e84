//! Times batchsweep's queue: trials that train nothing, through the real coordinator, gRPC and Postgres; `bench/queue/run`
//! calls it with a Postgres that waits for its disk.
//!
//! Beside it, on the same Postgres in the same rounds: Optuna's storage, as two processes use it, and plain SQL that claims
//! and ends trials in batches, which is as fast as any queue on Postgres could be.

mod flood;
mod floor;
mod idle;
mod null_worker;
mod optuna;
mod pending;
mod postgres;
mod stack;
mod sweeps;
mod throughput;

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

use postgres::Postgres;

/// Time batchsweep's queue beside Optuna's and beside plain SQL
#[derive(Debug, Parser)]
struct Arguments {
    /// The batchsweep-coordinator to time, built in release
    #[arg(long)]
    coordinator: PathBuf,
    /// A Python that has Optuna and psycopg2; without it, Optuna is left out
    #[arg(long)]
    python: Option<PathBuf>,
    /// The script that uses Optuna
    #[arg(long, requires = "python")]
    script: Option<PathBuf>,
    /// The folder of Postgres's programs (pgbench, psql)
    #[arg(long)]
    postgres_bin: PathBuf,
    /// A Postgres to make databases in
    #[arg(long, env = "DATABASE_URL")]
    database_url: String,
    /// How often each thing is timed
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds that each thing is timed for
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Only these parts: throughput, pending, idle, flood
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// One short round of everything: whether it works, not how fast it is
    #[arg(long)]
    quick: bool,
}

impl Arguments {
    fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = Arguments::parse();
    if arguments.quick {
        (arguments.rounds, arguments.seconds) = (1, 0.5);
    }
    let postgres = Postgres::new(&arguments.postgres_bin, &arguments.database_url);
    println!("# The queue: trials that train nothing\n");
    println!("{}", bench_measure::machine::describe()?);
    println!("- {}", postgres.ask("postgres", "select version()").await?);
    let settings = "select 'fsync ' || current_setting('fsync') || ', synchronous_commit ' || \
                    current_setting('synchronous_commit')";
    println!("- {}", postgres.ask("postgres", settings).await?);
    println!("- Rounds: {}, interleaved, of {} s", arguments.rounds, arguments.seconds);
    if arguments.quick {
        println!("- **A quick run: it shows that the benchmark works, not how fast anything is.**");
    }
    if arguments.wants("throughput") {
        throughput::run(&arguments, &postgres).await?;
    }
    if arguments.wants("pending") {
        pending::run(&arguments, &postgres).await?;
    }
    if arguments.wants("idle") {
        idle::run(&arguments, &postgres).await?;
    }
    if arguments.wants("flood") {
        flood::run(&arguments, &postgres).await?;
    }
    Ok(())
}
