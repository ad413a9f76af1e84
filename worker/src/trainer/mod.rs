//! The trainer: one trial at a time, in a process of its own.
//!
//! From the outside in:
//! - [`process`]: the protocol with the agent, on standard input and output; [`pulse`]: that work gets done,
//! - [`session`]: one trial from its description to its result, with the training loop,
//! - [`setup`]: data opened, model built, memory planned,
//! - [`blueprint`] and [`exactness`]: from a model's description to a learner; whether splitting a batch is exact,
//! - [`check`]: what is in a scripted module, before anything is trained,
//! - [`learner`]: one optimizer step, whole or not at all,
//! - [`snapshot`] and [`checkpoint`]: a learner's state as a file, and back; when it is saved,
//! - [`planner`], [`probe`], [`knowledge`] and [`forecast`]: how large a micro-batch may be, how that is found out, what
//!   is known of it already, and what follows for a split,
//! - [`memory`] and [`account`]: what the device says about bytes, and what a trial makes of it,
//! - [`course`], [`milestones`]: which examples a step takes, when a trial is evaluated,
//! - [`data`], [`model`], [`loss`], [`optimizer`]: what is trained, on what, how,
//! - [`evaluate`], [`tape`], [`divergence`], [`summary`], [`report`]: what is told about it,
//! - [`seed`], [`device`], [`threads`], [`error`]: random numbers by purpose, where and on how many threads a trial
//!   computes, what goes wrong.

pub mod process;

pub mod pulse;

pub mod session;

pub mod setup;

pub mod blueprint;

mod check;

pub mod exactness;

pub mod learner;

pub mod snapshot;

pub mod checkpoint;

pub mod planner;

pub mod knowledge;

mod forecast;

pub mod probe;

pub mod memory;

pub mod account;

pub mod course;

pub mod milestones;

pub mod data;

pub mod model;

pub mod loss;

pub mod optimizer;

pub mod evaluate;

pub mod tape;

pub mod divergence;

pub mod summary;

pub mod report;

mod result;

pub mod seed;

pub mod device;

pub mod threads;

pub mod error;

use std::process::ExitCode;

/// Held by a test while it uses tensors: libtorch's generator and the byte counters belong to the process.
#[cfg(test)]
pub(crate) fn exclusive() -> std::sync::MutexGuard<'static, ()> {
    static DEVICE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    DEVICE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Is the trainer process of one agent, until that closes this process's standard input.
#[must_use]
pub fn run() -> ExitCode {
    match device::with_environment().and_then(|()| process::serve()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: the trainer ends: {error:#}");
            ExitCode::FAILURE
        }
    }
}
