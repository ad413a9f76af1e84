//! The live page in a browser: the real stack, Debian's Chromium without a screen, and what a person would do.
//!
//! Needs `chromedriver`: named by `BATCHSWEEP_CHROMEDRIVER`, as `scripts/test` does, or found where Debian puts it. Where there
//! is none, the tests say so and check nothing. Needs the other two binaries beside this one, as `end_to_end` does.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what went wrong by ending")]

#[path = "../end_to_end/sandbox.rs"]
#[allow(dead_code, reason = "the tests without a browser use the rest of it")]
mod sandbox;

mod chromium;

mod visit;

mod large;
