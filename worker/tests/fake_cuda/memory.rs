//! What a trial is promised, what it takes, and what is left for the next one.

use domain::spec::MicroBatchPolicy;
use proto::v1::Outcome;

use crate::board::{Card, Word};
use crate::machine::Machine;
use crate::trainer::Trainer;
use crate::trials::{seed_example, wide, within};

/// What the allocator may hold beyond a budget, since it takes memory in segments.
const SEGMENTS: u64 = 40 << 20;

#[test]
fn a_budget_is_kept_by_the_plan_and_enforced_by_the_allocator() {
    let machine = Machine::new();
    let mut trainer = machine.trainer("cuda:0");
    let budget = 200 << 20;
    let before = machine.board().used_bytes(0);
    machine.board().change(0, Word::PeakBytes, 0);
    let trained = trainer.train(&within(wide(8192, 3), budget));
    assert_eq!(trained.result.outcome(), Outcome::Succeeded, "{}", trained.result.message);
    assert!(trained.splits()[0].accumulation_steps > 1, "{trained:?}");
    assert!(trained.peak() <= budget, "{trained:?}");
    let held = machine.board().read(0, Word::PeakBytes);
    assert!(held <= before + budget + SEGMENTS, "{} MiB beside {}", held >> 20, before >> 20);
}

#[test]
fn a_fixed_micro_batch_over_the_budget_is_no_way_around_it() {
    let machine = Machine::new();
    let mut spec = within(wide(8192, 2), 200 << 20);
    spec.memory.micro_batch = MicroBatchPolicy::Fixed(8192);
    let trained = machine.trainer("cuda:0").train(&spec);
    assert!(trained.result.micro_batch < 8192, "{trained:?}");
}

#[test]
fn a_small_budget_leaves_room_for_the_model_that_fits_in_it() {
    let machine = Machine::new();
    let mut trainer = machine.trainer("cuda:0");
    let trained = trainer.train(&within(seed_example(32), 24 << 20));
    assert_eq!(trained.result.outcome(), Outcome::Succeeded, "{}", trained.result.message);
}

#[test]
fn what_other_programs_hold_is_not_promised() {
    let machine = Machine::new();
    let mut trainer = machine.trainer("cuda:0");
    let spec = wide(8192, 2);
    assert_eq!(trainer.plan(&spec).accumulation_steps, 1);
    machine.board().change(0, Word::OtherBytes, 300 << 20);
    let planned = trainer.plan(&spec);
    assert!(planned.accumulation_steps > 1, "{planned:?}");
}

#[test]
fn memory_that_others_take_in_mid_run_is_done_without() {
    let machine = Machine::new();
    let mut trainer = machine.trainer("cuda:0");
    let spec = wide(8192, 300);
    trainer.begin(&spec);
    trainer.wait_for_a_step();
    // Before the trial's own memory grows back, another program has it.
    machine.board().change(0, Word::OtherBytes, (1 << 30) - machine.board().used_bytes(0) / 2);
    machine.board().change(0, Word::FailMore, 2);
    machine.board().change(0, Word::FailAllocation, 1);
    let trained = trainer.finish().unwrap();
    assert_eq!(trained.result.outcome(), Outcome::Succeeded, "{}", trained.result.message);
}

#[test]
fn what_is_known_of_a_gpus_memory_does_not_depend_on_the_hosts_threads() {
    let machine = Machine::new();
    let kinds = [1, 2].map(|threads| {
        let mut trainer = Trainer::spawn(machine.worker());
        trainer.start_with("cuda:0", threads).unwrap();
        // So much that a CPU would compute it with all of its threads.
        let found = trainer.train(&wide(4096, 1)).before.memory;
        found.into_iter().map(|known| known.kind).collect::<Vec<_>>()
    });
    assert!(!kinds[0].is_empty());
    assert_eq!(kinds[0], kinds[1]);
}

#[test]
fn trials_that_plan_at_the_same_moment_are_not_promised_the_same_memory() {
    let machine = Machine::with(&[Card { total_bytes: 2816 << 20, ..Card::new(0) }]);
    let mut trainers = [(); 2].map(|()| machine.trainer("cuda:0"));
    // A whole batch takes more than half of what is free.
    let spec = wide(32768, 30);
    trainers.iter_mut().for_each(|trainer| trainer.begin(&spec));
    let trained = trainers.map(|mut trainer| trainer.finish().unwrap());
    let mut steps: Vec<u64> = trained.iter().map(|trained| trained.splits()[0].accumulation_steps).collect();
    steps.sort_unstable();
    assert!(
        steps[0] == 1 && steps[1] > 1,
        "one takes its batch whole, the other has what is left: {steps:?}"
    );
    for trained in &trained {
        assert_eq!(trained.result.outcome(), Outcome::Succeeded, "{}", trained.result.message);
        assert_eq!(trained.splits().len(), 1, "no step ran out of memory: {:?}", trained.splits());
    }
}
