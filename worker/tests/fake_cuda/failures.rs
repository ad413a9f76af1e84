//! What goes wrong on a device, and what becomes of the trial.

use std::collections::HashMap;

use proto::v1::{FailureKind, Outcome};

use crate::board::Word;
use crate::machine::Machine;
use crate::trials::{convolutional, seed_example, wide};

#[test]
fn an_illegal_address_ends_the_trainer_and_says_so() {
    let machine = Machine::new();
    let mut trainer = machine.trainer("cuda:0");
    trainer.train(&seed_example(32));
    machine.board().change(0, Word::BreakAtLaunch, 50);
    let problem = trainer.try_to_train(&seed_example(32)).unwrap_err();
    assert!(problem.fatal && problem.kind() == FailureKind::Trainer, "{problem:?}");
    assert!(problem.message.contains("illegal memory access"), "{}", problem.message);
    // Whoever starts another trainer has a device that works.
    assert_eq!(machine.trainer("cuda:0").train(&seed_example(32)).result.outcome(), Outcome::Succeeded);
}

#[test]
fn a_device_that_breaks_while_a_module_is_tried_out_is_not_the_modules_fault() {
    let machine = Machine::new();
    for launch in 1..=4 {
        let mut trainer = machine.trainer("cuda:0");
        machine.board().change(0, Word::BreakAtLaunch, launch);
        let problem = trainer.try_to_train(&convolutional()).unwrap_err();
        assert!(problem.fatal && problem.kind() == FailureKind::Trainer, "{launch}: {problem:?}");
        assert!(problem.message.contains("illegal memory access"), "{launch}: {}", problem.message);
    }
}

/// So often in a row an allocation fails before libtorch gives up: it empties its cache in two steps and tries again.
const FAILURES: u64 = 3;

#[test]
fn an_allocation_that_fails_is_got_over_wherever_it_happens() {
    let machine = Machine::new();
    let mut trainer = machine.trainer("cuda:0");
    let spec = wide(4096, 3);
    let clean = trainer.train(&spec);
    assert_eq!(clean.result.outcome(), Outcome::Succeeded);
    let held = machine.board().used_bytes(0);
    let (before, lines) = (machine.board().read(0, Word::Allocations), machine.trace().len());
    trainer.train(&spec);
    let mut steps = HashMap::from([(clean.result.micro_batch, last_step(&machine, lines))]);
    let allocations = machine.board().read(0, Word::Allocations) - before;
    assert!(allocations > 1);
    // The first is for the model itself: without it there is no trial.
    for k in 2..=allocations {
        machine.board().change(0, Word::FailMore, FAILURES - 1);
        machine.board().change(0, Word::FailAllocation, k);
        let trained = trainer.train(&spec);
        assert_eq!(
            trained.result.outcome(),
            Outcome::Succeeded,
            "allocation {k}: {}",
            trained.result.message
        );
        assert!(machine.board().read(0, Word::RefusedAllocations) >= k, "allocation {k} was not reached");
        let before = machine.trace().len();
        let next = trainer.train(&spec);
        let now = machine.board().used_bytes(0);
        assert!(now <= held, "after allocation {k} there are {now} bytes in use, not {held}");
        // What a step does depends on its split, and on nothing that went wrong before.
        let (split, done) = (next.result.micro_batch, last_step(&machine, before));
        let is_as_ever = *steps.entry(split).or_insert_with(|| done.clone()) == done;
        assert!(is_as_ever, "after allocation {k}, in micro-batches of {split}: {done:#?}");
    }
}

/// The kernels that the last step launched, and the evaluation after it, as the trace has them after so many lines.
fn last_step(machine: &Machine, lines: usize) -> Vec<String> {
    let trace = machine.trace().split_off(lines);
    let launches: Vec<_> = trace.into_iter().filter(|line| line.starts_with("launch ")).collect();
    let updates = launches.iter().enumerate().filter(|(_, launch)| launch.contains("FusedSgd"));
    let before_last = updates.map(|(place, _)| place).rev().nth(1).expect("two steps at least");
    launches[before_last..].to_vec()
}
