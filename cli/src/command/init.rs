//! `init`: a sweep file to start from.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::failure::{Exit, Failure};

/// An annotated sweep file that runs as it is.
pub const TEMPLATE: &str = include_str!("../../assets/sweep.toml");

/// The name under which [`TEMPLATE`] speaks of itself.
const FILE: &str = "sweep.toml";

/// Arguments of `init`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The sweep file to write
    #[arg(value_name = "FILE", default_value = FILE)]
    file: PathBuf,

    /// Overwrite the file if it is there
    #[arg(long)]
    force: bool,
}

/// Runs the verb.
///
/// # Errors
/// When the file is there and `--force` is not, and when it cannot be written.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let shown = args.file.display().to_string();
    let mut options = OpenOptions::new();
    options.write(true);
    // Whether it is there is for the system to say, so that a file of the last moment is safe too.
    if args.force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let written = options.open(&args.file).and_then(|mut file| file.write_all(text(&args.file).as_bytes()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::usage(format!("{shown} is there already"))
            .hint("name another file, or give --force to overwrite it"),
        _ => Failure::io(format_args!("cannot write {shown}"), &error),
    })?;
    context.talk.say(format_args!("wrote {shown}; it runs as it is, in seconds, on made-up data"));
    context.talk.next(format_args!("batchsweep run {}", word(&args.file)));
    Ok(Exit::Success)
}

/// The template, with the commands in it on this file.
fn text(file: &Path) -> String {
    TEMPLATE
        .lines()
        .map(|line| match line.strip_prefix("#   batchsweep ").and_then(|rest| rest.split_once(FILE)) {
            Some((verb, comment)) => format!("#   batchsweep {verb}{}{comment}\n", word(file)),
            None => format!("{line}\n"),
        })
        .collect()
}

/// A path as a shell takes it.
fn word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+=@%,:".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_in_the_file_are_on_the_file() {
        assert_eq!(text(Path::new(FILE)), TEMPLATE);
        let text = text(Path::new("my sweeps/a.toml"));
        assert!(text.contains("#   batchsweep run 'my sweeps/a.toml'  "), "{text}");
        assert!(text.contains("#   batchsweep plan 'my sweeps/a.toml'  "), "{text}");
        assert_eq!(text.lines().count(), TEMPLATE.lines().count());
    }
}
