//! The trainer on real libtorch, on the CPU: small models, exact expectations.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod lab;

mod seed_example;

mod optimizers;

mod accumulation;

mod out_of_memory;

mod planning;

mod data;

mod formats;

mod streaming;

mod tokens;

mod endings;

mod models;

mod noise;

mod process;

mod snapshot;

mod checkpoint;

mod speed;
