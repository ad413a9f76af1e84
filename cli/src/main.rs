//! The `batchsweep` command.

use std::process::ExitCode;

use clap::Parser;
use cli::arguments::Arguments;

fn main() -> ExitCode {
    cli::run(Arguments::parse())
}
