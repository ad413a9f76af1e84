//! The `batchsweep` command as a library, so that tests call what the binary calls.
//!
//! In reading order:
//! - [`arguments`]: the verbs and flags, [`context`]: what every verb gets,
//! - [`command`]: one file a verb,
//! - [`spec_file`]: TOML in, a checked sweep or every mistake out,
//! - [`coordinator`]: reaching one, [`local`]: running one on this machine,
//! - [`submission`], [`follow`], [`display`]: a sweep from its submission to its end,
//! - [`analysis`], [`settings`], [`conclusion`]: what it found,
//! - [`export`]: the same as files for notebooks,
//! - [`trainer`]: asking a trainer what a trial would take,
//! - [`certificates`]: a set of them for TLS,
//! - [`failure`], [`talk`], [`output`]: exit codes, standard error, standard output.

pub mod arguments;

pub mod context;

pub mod command;

pub mod spec_args;

pub mod spec_file;

pub mod coordinator;

pub mod local;

pub mod submission;

mod uploading;

mod tries;

pub mod follow;

pub mod display;

pub mod analysis;

pub mod settings;

pub mod conclusion;

pub mod export;

pub mod trainer;

pub mod preview;

pub mod interrupt;

pub mod failure;

pub mod talk;

pub mod output;

pub mod certificates;

mod dispatch;

mod durations;

mod png;

mod timestamp;

mod examples_text;

use std::process::ExitCode;

use arguments::Arguments;
use context::Context;

/// Does what the arguments say; tells on standard error why it did not.
#[must_use]
pub fn run(arguments: Arguments) -> ExitCode {
    let Arguments { globals, verb } = arguments;
    match dispatch::run(verb, &Context::new(globals)) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            talk::tell(&failure);
            failure.exit.into()
        }
    }
}
