//! The coordinator on a real Postgres: `scripts/test-database cargo test -p coordinator`. Each test has a database of
//! its own.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test, a panic is how to fail")]

mod breaker;
mod certificates;
mod checkpoints;
mod served;
mod world;

mod claims;
mod clock;
mod code;
mod dashboard;
mod deployment;
mod drain;
mod dropped;
mod endings;
mod expiry;
mod extension;
mod fencing;
mod findings;
mod fleets;
mod holders;
mod hostile;
mod housekeeping;
mod invariants;
mod leases;
mod lifecycle;
mod limits;
mod methods;
mod metrics;
mod migrations;
mod names;
mod outage;
mod plans;
mod questions;
mod reader;
mod records;
mod removal;
mod report;
mod roles;
mod rows;
mod schema;
mod searches;
mod server;
mod steering;
mod stored;
mod submission;
mod tls;
mod token_command;
mod tokens;
mod uploads;
mod visits;
mod watching;
mod web;
mod workers;
