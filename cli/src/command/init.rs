//! `init`: a sweep file to start from.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::context::Context;
use crate::failure::{Exit, Failure};

/// An annotated sweep file that runs as it is.
pub const TEMPLATE: &str = include_str!("../../assets/sweep.toml");

/// The same for a model in plain PyTorch, and that model.
pub const PYTHON_TEMPLATE: &str = include_str!("../../assets/python.toml");
const NET: &str = include_str!("../../assets/net.py");

/// The name under which the templates speak of themselves.
const FILE: &str = "sweep.toml";

/// The name of the model's file in [`PYTHON_TEMPLATE`].
const NET_FILE: &str = "net.py";

/// Arguments of `init`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The sweep file to write
    #[arg(value_name = "FILE", default_value = FILE)]
    file: PathBuf,

    /// Write one for a model in plain PyTorch, and net.py with such a model beside it
    #[arg(long)]
    python: bool,

    /// Overwrite the file if it is there
    #[arg(long)]
    force: bool,
}

/// Runs the verb.
///
/// # Errors
/// When the file is there and `--force` is not, and when it cannot be written.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let file = &args.file;
    let mut shown = file.display().to_string();
    if args.python {
        let net = file.with_file_name(NET_FILE);
        write(&net, NET, args.force)?;
        write(file, &text(PYTHON_TEMPLATE, file), args.force)?;
        shown = format!("{shown} and {}", net.display());
    } else {
        write(file, &text(TEMPLATE, file), args.force)?;
    }
    let runs = if args.python { "they run as they are" } else { "it runs as it is" };
    context.talk.say(format_args!("wrote {shown}; {runs}, in seconds, on made-up data"));
    context.talk.next(format_args!("batchsweep run {}", word(file)));
    Ok(Exit::Success)
}

fn write(file: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true);
    // Whether it is there is for the system to say, so that a file of the last moment is safe too.
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let written = options.open(file).and_then(|mut file| file.write_all(text.as_bytes()));
    let shown = file.display();
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::usage(format!("{shown} is there already"))
            .hint("name another file, or give --force to overwrite it"),
        _ => Failure::io(format_args!("cannot write {shown}"), &error),
    })
}

/// A template, with the commands in it on this file.
fn text(template: &str, file: &Path) -> String {
    template
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
        assert_eq!(text(TEMPLATE, Path::new(FILE)), TEMPLATE);
        assert_eq!(text(PYTHON_TEMPLATE, Path::new(FILE)), PYTHON_TEMPLATE);
        let text = text(TEMPLATE, Path::new("my sweeps/a.toml"));
        assert!(text.contains("#   batchsweep run 'my sweeps/a.toml'  "), "{text}");
        assert!(text.contains("#   batchsweep plan 'my sweeps/a.toml'  "), "{text}");
        assert_eq!(text.lines().count(), TEMPLATE.lines().count());
    }
}
