//! `completions`: for a shell.

use clap::Command;
use clap_complete::Shell;

use crate::failure::{Exit, Failure};
use crate::output;

/// Arguments of `completions`.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Args {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// Runs the verb for this command line.
///
/// # Errors
/// When standard output does not take it.
pub fn run(args: &Args, command: &mut Command) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "batchsweep", &mut script);
    output::text(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}
