//! Containers and cards that lack a part of what a workstation has.

use proto::v1::Outcome;

use crate::board::{Global, Word};
use crate::machine::Machine;
use crate::trials::{seed_example, wide};

#[test]
fn a_container_without_the_management_library_trains() {
    let trained = Machine::new().without_nvml().trainer("cuda:0").train(&seed_example(32));
    assert_eq!(trained.result.outcome(), Outcome::Succeeded);
}

#[test]
fn a_card_that_the_management_library_knows_little_of_trains_and_splits() {
    let machine = Machine::new();
    machine.board().set(Global::NvmlRefuses, 1);
    machine.board().change(0, Word::OtherBytes, 300 << 20);
    let mut trainer = machine.trainer("cuda:0");
    // libtorch asks for the other processes when it makes the message of an allocation that fails.
    let trained = trainer.train(&wide(8192, 1));
    assert_eq!(trained.result.outcome(), Outcome::Succeeded, "{}", trained.result.message);
    assert!(trained.splits()[0].accumulation_steps > 1);
}

#[test]
fn the_users_own_settings_of_the_allocator_stay() {
    let machine = Machine::new().setting("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:False");
    machine.trainer("cuda:0").train(&seed_example(32));
    let segments = machine.trace().iter().filter(|line| *line == "allocate cuMemCreate").count();
    assert_eq!(segments, 0, "expandable segments were wanted nowhere");
}
