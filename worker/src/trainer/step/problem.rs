//! What a model is built for.

use domain::problem::{DataShape, Task};

/// What a model is built for.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a> {
    /// The examples.
    pub shape: &'a DataShape,
    /// What is predicted.
    pub task: &'a Task,
    /// What the data calls its target.
    pub target: &'a str,
}
