//! Times batchsweep's training steps beside PyTorch's, in one run on one machine; `bench/trainer/run` calls it.
//!
//! Each case is trained in turn by batchsweep's trainer, by a plain PyTorch script and by a tuned PyTorch loop, round
//! after round, so that what slows the machine down meets all three. All of them shuffle, train the same layers from
//! the same kind of data for the same number of steps, and must end at a similar loss.

mod cases;
mod ours;
mod pytorch;
mod rounds;
mod table;

use std::path::PathBuf;
use std::thread::available_parallelism;

use anyhow::Result;
use clap::Parser;

use cases::Case;
use ours::Trainer;
use pytorch::PyTorch;

/// Time batchsweep's training steps beside PyTorch's
#[derive(Debug, Parser)]
struct Arguments {
    /// The batchsweep-worker to time, built in release
    #[arg(long)]
    worker: PathBuf,
    /// A Python that has PyTorch
    #[arg(long)]
    python: PathBuf,
    /// The script with PyTorch's loops
    #[arg(long)]
    loops: PathBuf,
    /// CPU threads to compute with; without it, 1 and then one a core
    #[arg(long, value_delimiter = ',')]
    threads: Vec<u32>,
    /// How often each case is timed; one more round before warms up
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Only cases whose name contains this
    #[arg(long, default_value = "")]
    only: String,
    /// Two short rounds: whether it works, not how fast it is
    #[arg(long)]
    quick: bool,
}

fn main() -> Result<()> {
    let mut arguments = Arguments::parse();
    let cores = u32::try_from(available_parallelism()?.get())?;
    if arguments.threads.is_empty() {
        arguments.threads = if cores > 1 { vec![1, cores] } else { vec![1] };
    }
    if arguments.quick {
        arguments.rounds = 2;
    }
    describe(&arguments)?;

    time_against_pytorch(&arguments)?;
    time_accumulation(&arguments)
}

fn time_against_pytorch(arguments: &Arguments) -> Result<()> {
    println!("\n{}", table::AGAINST_PYTORCH);
    for &threads in &arguments.threads {
        let mut ours = Trainer::start(&arguments.worker, threads)?;
        let mut pytorch = PyTorch::start(&arguments.python, &arguments.loops, threads)?;
        for case in chosen(cases::against_pytorch(), arguments, |case| case) {
            let steps = rounds::compare(&case, arguments.rounds, &mut ours, &mut pytorch)?;
            println!("{}", table::against_pytorch(case.name, threads, &steps, case.wanted));
        }
    }
    Ok(())
}

fn time_accumulation(arguments: &Arguments) -> Result<()> {
    println!("\n{}", table::ACCUMULATION);
    for &threads in &arguments.threads {
        let mut trainer = Trainer::start(&arguments.worker, threads)?;
        for (case, micro_batch) in chosen(cases::accumulated(), arguments, |(case, _)| case) {
            let (alone, accumulated) =
                rounds::accumulate(&case, micro_batch, arguments.rounds, &mut trainer)?;
            let name = format!("{}, batch {} of {micro_batch}", case.name, case.batch_size);
            println!("{}", table::accumulation(&name, threads, &alone, &accumulated));
        }
    }
    Ok(())
}

/// The cases asked for, shortened for a quick look.
fn chosen<T>(cases: Vec<T>, arguments: &Arguments, case_of: impl Fn(&mut T) -> &mut Case) -> Vec<T> {
    let mut chosen = Vec::new();
    for mut entry in cases {
        let case = case_of(&mut entry);
        if case.name.contains(&arguments.only) {
            if arguments.quick {
                *case = case.quick();
            }
            chosen.push(entry);
        }
    }
    chosen
}

/// What the numbers belong to.
fn describe(arguments: &Arguments) -> Result<()> {
    // Measured first: starting Python is work too.
    let machine = bench_measure::machine::describe()?;
    let pytorch = PyTorch::start(&arguments.python, &arguments.loops, 1)?;
    println!("# Training steps: batchsweep beside PyTorch\n");
    println!("{machine}");
    println!("- PyTorch: {}; batchsweep runs the same libtorch", pytorch.version);
    println!("- Rounds: {}, interleaved, after one to warm up", arguments.rounds);
    if arguments.quick {
        println!("- **A quick run: it shows that the benchmark works, not how fast anything is.**");
    }
    Ok(())
}
