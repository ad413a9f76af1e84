//! What a run says.

mod checkpoint;
mod failure;
mod finding;
mod progress;
mod record;
mod result;
