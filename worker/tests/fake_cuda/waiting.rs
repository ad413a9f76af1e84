//! How often the host waits for the device: each time the device then waits for the host.

use domain::spec::{Budget, ModelSpec};

use crate::board::Word;
use crate::machine::Machine;
use crate::trainer::Trainer;
use crate::trials::trial;

/// What a trial of so many steps on so many hidden layers did.
#[derive(Debug)]
struct Counts {
    waits: u64,
    copies_to_host: u64,
    /// Reports of how far it was, which are sent by the clock.
    progress: u64,
}

fn train(steps: u64, layers: usize, trainer: &mut Trainer, machine: &Machine) -> Counts {
    // Less than one epoch, so that the training set is evaluated at the end only.
    let spec = trial(&[10], 64 * 400, ModelSpec::mlp(&vec![16; layers]), 64, Budget::Steps(steps));
    let counts = || [Word::Waits, Word::CopiesToHost].map(|word| machine.board().read(0, word));
    let before = counts();
    let progress = trainer.train(&spec).before.progress;
    let after = counts();
    Counts { waits: after[0] - before[0], copies_to_host: after[1] - before[1], progress }
}

#[test]
fn steps_wait_for_the_device_at_milestones_and_to_report_progress_however_many_parameters_there_are() {
    let machine = Machine::new();
    let mut trainer = machine.trainer("cuda:0");
    for layers in [2, 30] {
        // The first one measures the memory of a step. From then on planning waits equally often, and so do the evaluations
        // before the first step and after the last.
        train(1, layers, &mut trainer, &machine);
        let [short, long] = [200, 400].map(|steps| train(steps, layers, &mut trainer, &machine));
        // Both have milestones at steps 50, 100 and 200, the longer one also at 400: there the losses since the last time are
        // fetched, at once. The noise scale is sampled in both.
        let allowed = 1 + long.progress;
        assert!(long.waits <= short.waits + allowed, "{layers} layers: {short:?}, {long:?}");
        assert!(
            long.copies_to_host <= short.copies_to_host + allowed,
            "{layers} layers: {short:?}, {long:?}"
        );
    }
}
