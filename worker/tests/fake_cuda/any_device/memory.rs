//! Memory that trials take, on any device.

use crate::machine::Machine;
use crate::trials::{cnn, seed_example, wide};

#[test]
fn the_same_trial_is_split_the_same_way_each_time_that_a_trainer_trains_it() {
    let machine = Machine::real_or_fake();
    let mut trainer = machine.trainer("cuda:0");
    // More than half of the card: whoever takes what the first one left behind for occupied splits the second one.
    let spec = wide(8192, 3);
    let splits = [(); 3].map(|()| {
        let split = trainer.train(&spec).splits().swap_remove(0);
        (split.micro_batch, split.reason)
    });
    assert_eq!(splits[0].1, "the whole batch fits");
    assert_eq!(splits[1], splits[0]);
    assert_eq!(splits[2], splits[0]);
}

#[test]
fn the_first_trial_of_a_process_takes_what_the_second_one_takes() {
    let machine = Machine::real_or_fake();
    for spec in [seed_example(1), seed_example(1024), cnn(16, 3)] {
        let mut trainer = machine.trainer("cuda:0");
        let (first, second) = (trainer.train(&spec), trainer.train(&spec));
        assert_eq!(first.peak(), second.peak());
        assert_eq!(first.memory().peak_reserved_bytes, second.memory().peak_reserved_bytes);
        assert!(first.memory().peak_reserved_bytes >= first.peak());
    }
}

#[test]
fn the_example_takes_on_a_gpu_what_it_takes_on_the_cpu() {
    let machine = Machine::real_or_fake();
    let (mut gpu, mut cpu) = (machine.trainer("cuda:0"), machine.trainer("cpu"));
    for batch_size in [1, 32, 1024] {
        let spec = seed_example(batch_size);
        let (there, here) = (gpu.train(&spec).peak(), cpu.train(&spec).peak());
        assert!(there.abs_diff(here) <= 1024, "batch size {batch_size}: {there} bytes there, {here} here");
    }
}
