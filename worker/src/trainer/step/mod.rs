//! One optimizer step, and what it needs.
//!
//! - [`blueprint`]: from a model's description to a learner,
//! - [`code`]: the same for Python code of the user's; [`outputs`]: whether a module returns what its task needs,
//! - [`course`]: which examples each step takes,
//! - [`learner`]: the step, whole or not at all; [`loss`] is what it minimises, [`optimizer`] how it updates, [`tape`]
//!   where its losses and norms are kept, [`terms`] what a loss is divided by,
//! - [`exactness`]: whether splitting a batch is exact, [`whole_numbers`]: whether a module sees only whole numbers,
//! - [`evaluate`]: loss and accuracy, without training.

pub mod blueprint;
mod code;
pub mod course;
pub mod evaluate;
pub mod exactness;
pub mod learner;
pub mod loss;
pub mod optimizer;
pub mod outputs;
pub mod problem;
pub mod tape;
mod terms;
pub mod whole_numbers;
