//! The whole path, with the real database, coordinator and workers: `run` and what comes after it.
//!
//! Needs the other two binaries beside this one: `cargo build` (all crates) makes them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what went wrong by ending")]

mod sandbox;

mod results;
mod search;

mod report;

mod export;

mod disturbances;

mod recovery;

mod storm;

mod surroundings;

mod memory;

mod housekeeping;

mod images;

mod modules;

mod python_models;

mod uploads;

mod traces;

mod fleet;

mod gpu;

mod waiting;

mod documentation;

mod notebooks;

mod security;

mod own_worker;

mod spool;

mod checkpoints;

mod drain;

mod removal;

mod set_aside;

mod old_state;

#[path = "../../../storage/tests/s3/server.rs"]
mod s3_server;

mod before_submission;

mod endless;

mod large;

mod buckets;
