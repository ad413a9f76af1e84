//! Batches that no model, or not this one, can be trained on, whatever memory there is.

use domain::memory::MemoryParts;

use crate::trainer::memory::Infeasible;
use crate::trainer::step::course::Course;

/// There is no step to take.
pub fn no_batch(course: &Course, examples: u64, batch_size: u64) -> Option<Infeasible> {
    (course.total_steps() == 0).then(|| {
        infeasible(format!(
            "drop_last leaves no batch: {examples} training examples are fewer than the batch size {batch_size}; lower the \
             batch size or set drop_last = false"
        ))
    })
}

/// A batch of one example, for a model that needs two.
pub fn batch_of_one(course: &Course) -> Option<Infeasible> {
    let (what, help) = match course.smallest_batch() {
        1 if course.effective_batch_size() == 1 => ("a batch", "use a larger batch size"),
        1 => ("the last batch of an epoch", "set `drop_last = true`, use another batch size"),
        _ => return None,
    };
    Some(infeasible(one_value(what, help)))
}

/// A micro-batch of one example, for a model that needs two.
pub fn micro_batch_of_one() -> Infeasible {
    infeasible(one_value("a micro-batch", "allow more memory, or a larger micro-batch"))
}

/// Why one example is too few.
pub fn one_value(what: &str, help: &str) -> String {
    format!(
        "{what} holds 1 example, and a batch normalisation of this model sees one value a channel of it, which has no variance; \
         {help}, or another normalisation (of layers: `norm = \"group\"` in [model])"
    )
}

fn infeasible(message: String) -> Infeasible {
    Infeasible { needed: MemoryParts::default(), message }
}
