//! How often the host waits for the device: each time the device then waits for the host.

use std::time::Instant;

use domain::spec::{Budget, ModelSpec};

use crate::board::Word;
use crate::machine::Machine;
use crate::trials::trial;

/// How often progress is reported.
const PROGRESS_MS: u64 = 300;

/// Waits and copies to the host of a trial of so many steps, on so many hidden layers.
fn waits(steps: u64, layers: usize) -> [u64; 2] {
    let machine = Machine::new();
    let mut trainer = machine.trainer("cuda:0");
    // One epoch for all, so that no evaluation comes between.
    let spec = trial(&[10], 64 * 400, ModelSpec::mlp(&vec![16; layers]), 64, Budget::Steps(steps));
    let counts = || [Word::Waits, Word::CopiesToHost].map(|word| machine.board().read(0, word));
    let before = counts();
    trainer.train(&spec);
    let after = counts();
    [after[0] - before[0], after[1] - before[1]]
}

#[test]
fn steps_wait_for_the_device_once_in_fifty_however_many_parameters_there_are() {
    for layers in [2, 30] {
        // Planning and the evaluation of the untrained model wait too, and are the same for both.
        let started = Instant::now();
        let ([short, short_copies], [long, long_copies]) = (waits(200, layers), waits(400, layers));
        // And now and then to report progress, however slow the machine is.
        let allowed = 200 / 50 + started.elapsed().as_millis() as u64 / PROGRESS_MS;
        assert!(long <= short + allowed, "{layers} layers: {short} waits in 200 steps, {long} in 400");
        assert!(long_copies <= short_copies + allowed, "{short_copies} copies, then {long_copies}");
    }
}
