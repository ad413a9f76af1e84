//! `man`: a man page of the command and one of each verb.

use std::fs;
use std::path::PathBuf;

use clap::Command;

use crate::failure::{Exit, Failure};
use crate::output;

/// Arguments of `man`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The folder to write them to, such as ~/.local/share/man/man1; made where there is none
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Runs the verb for this command line. Pages of an earlier version are replaced.
///
/// # Errors
/// When a file cannot be written.
pub fn run(args: &Args, command: Command) -> Result<Exit, Failure> {
    let out = &args.out;
    let failed = |error| Failure::io(format!("cannot write man pages to {}", out.display()), &error);
    fs::create_dir_all(out).map_err(failed)?;
    clap_mangen::generate_to(command.disable_help_subcommand(true), out).map_err(failed)?;
    output::text(&format!("{}\n", out.join("batchsweep.1").display()))?;
    Ok(Exit::Success)
}
