//! What was read before and is kept in memory, as it never changes, or as the database says whether it still holds. Nothing is
//! lost with it but time.

mod memory;
mod specs;

pub use memory::MeasuredMemory;
pub use specs::{Shared, Specs, shared};
