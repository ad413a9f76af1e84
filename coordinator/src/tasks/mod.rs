//! What goes on beside the RPCs. Each task runs until the token it was given is cancelled, and outlives any outage of
//! Postgres.

pub mod claims;
pub mod cleaner;
pub mod completions;
pub mod health;
pub mod notices;
pub mod reaper;
pub mod searches;
pub mod uploads;
pub mod watches;
