//! This very program, to be started again: as the trainer, or with another environment.

use std::env;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the system keeps the program of a process, also after its file was replaced or removed.
const RUNNING: &str = "/proc/self/exe";

/// A command that starts it. A build or an upgrade may replace the file meanwhile: then the program that runs is started, not
/// the new one, whose messages may be others.
///
/// # Errors
/// When the system does not say where it is.
pub fn command() -> io::Result<Command> {
    let path = env::current_exe()?;
    let (program, name) = choose(path);
    let mut command = Command::new(program);
    command.arg0(name);
    Ok(command)
}

/// What to start, and what to call it.
fn choose(path: PathBuf) -> (PathBuf, PathBuf) {
    const REPLACED: &str = " (deleted)";
    if path.exists() || !Path::new(RUNNING).exists() {
        return (path.clone(), path);
    }
    let name = path.to_string_lossy().trim_end_matches(REPLACED).to_owned();
    (PathBuf::from(RUNNING), PathBuf::from(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_whose_file_was_replaced_is_the_one_that_runs() {
        let own = env::current_exe().unwrap();
        assert_eq!(choose(own.clone()), (own.clone(), own));
        if Path::new(RUNNING).exists() {
            let replaced = choose(PathBuf::from("/usr/bin/no-such-worker (deleted)"));
            assert_eq!(replaced, (PathBuf::from(RUNNING), PathBuf::from("/usr/bin/no-such-worker")));
        }
    }
}
