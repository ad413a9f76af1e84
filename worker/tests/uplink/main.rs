//! What goes between a worker and a coordinator that loses connections, loses replies and takes things in part.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what went wrong by ending")]

mod faulty;
mod records;
mod uploads;
