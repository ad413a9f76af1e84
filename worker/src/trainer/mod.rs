//! The trainer: one trial at a time, in a process of its own.
//!
//! From the outside in, none of them using one before it:
//! - [`process`]: the protocol with the agent, on standard input and output,
//! - [`python`]: the same process with a Python interpreter around it,
//! - [`check`]: what is in a scripted module, before anything is trained,
//! - [`session`]: one trial from its description to its result, with the training loop; [`event`]: what it reports, [`facts`]: what is to
//!   be said of a trial before it begins,
//! - [`state`]: a trial between two steps, and as a file,
//! - [`memory`]: how large a micro-batch may be, and what is known of that,
//! - [`step`]: one optimizer step, whole or not at all,
//! - [`device`] and [`threads`]: where, and on how many threads, a trial computes,
//! - [`error`]: what goes wrong; [`data`] and [`model`]: what is trained, and on what; [`hosted`]: both by an interpreter,
//! - [`regular_file`]: the user's files, opened so that reading them ends,
//! - [`digest`], [`seed`], [`pulse`]: hashes of files, random numbers by purpose, and that work gets done.

mod check;
pub mod data;
pub mod device;
mod digest;
pub mod error;
pub mod event;
pub mod facts;
pub mod hosted;
pub mod memory;
pub mod model;
pub mod process;
mod pulse;
pub mod python;
mod regular_file;
mod seed;
pub mod session;
pub mod state;
pub mod step;
mod threads;

use std::process::ExitCode;

/// Held by a test while it uses tensors: libtorch's generator and the byte counters belong to the process.
#[cfg(test)]
pub(crate) fn exclusive() -> std::sync::MutexGuard<'static, ()> {
    static DEVICE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    DEVICE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Is a trainer that trains nothing, and says why, until the agent closes this process's standard input.
#[must_use]
pub fn refuse(reason: &str) -> ExitCode {
    match process::refuse(reason) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Is the trainer process of one agent, until that closes this process's standard input.
#[must_use]
pub fn run() -> ExitCode {
    match device::with_environment() {
        Ok(()) => serve(),
        Err(error) => {
            telemetry::log::line(format_args!("error: the trainer ends: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The same in a process that has its environment.
#[must_use]
pub fn serve() -> ExitCode {
    match process::serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            telemetry::log::line(format_args!("error: the trainer ends: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
