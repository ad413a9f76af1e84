//! What a trial learns: the examples that the data holds, and the task that its targets and the loss make together.

mod examples;
mod task;

pub use examples::{DataShape, IGNORED, InputNumbers, InputShape, Integers, Target, TargetValues};
pub use task::{Task, TaskError, TaskKind};
