//! How often the host waits for the device: each time the device then waits for the host.

use domain::spec::{Budget, CnnModel, Loss, MicroBatchPolicy, ModelSpec, Norm, OptimizerKind, Precision};
use domain::{Bytes, TrialSpec};

use crate::board::Word;
use crate::machine::Machine;
use crate::trainer::Trainer;
use crate::trials::{seed_example, trial, with};

/// What a trial did.
#[derive(Debug)]
struct Counts {
    waits: u64,
    copies_to_host: u64,
    /// Reports of how far it was, which are sent by the clock.
    progress: u64,
}

fn train(spec: &TrialSpec, trainer: &mut Trainer, machine: &Machine) -> Counts {
    let counts = || [Word::Waits, Word::CopiesToHost].map(|word| machine.board().read(0, word));
    let before = counts();
    let progress = trainer.train(spec).before.progress;
    let after = counts();
    Counts { waits: after[0] - before[0], copies_to_host: after[1] - before[1], progress }
}

/// The trial, for so many steps.
fn lasting(mut spec: TrialSpec, steps: u64) -> TrialSpec {
    let budget = Budget::Steps(steps);
    (spec.settings.budget, spec.settings.train.budget) = (budget, Some(budget));
    spec
}

/// Trains for `steps` steps and for twice as many. The longer trial may wait `milestones` times more, at each of them once, and
/// for each report of progress.
fn assert_waits(name: &str, spec: &TrialSpec, steps: u64, milestones: u64) {
    let machine = Machine::new();
    let mut trainer = machine.trainer("cuda:0");
    // The first one measures the memory of a step. From then on planning waits equally often, and so do the evaluations before
    // the first step and after the last.
    train(&lasting(spec.clone(), 1), &mut trainer, &machine);
    let [short, long] =
        [steps, 2 * steps].map(|steps| train(&lasting(spec.clone(), steps), &mut trainer, &machine));
    let allowed = milestones + long.progress;
    assert!(long.waits <= short.waits + allowed, "{name}: {short:?}, {long:?}");
    assert!(long.copies_to_host <= short.copies_to_host + allowed, "{name}: {short:?}, {long:?}");
}

/// Steps of less than an epoch of these examples: the training set is evaluated at the end only, and milestones are at an
/// eighth, a quarter and half of the epoch, and at the end.
const EPOCH: u64 = 400;

#[test]
fn steps_wait_at_milestones_and_to_report_progress_however_many_parameters_there_are() {
    // The noise scale is sampled in the second half of each.
    for layers in [2, 30] {
        let spec = trial(&[10], 64 * EPOCH, ModelSpec::mlp(&vec![16; layers]), 64, Budget::Steps(1));
        assert_waits(&format!("{layers} layers"), &spec, EPOCH / 2, 1);
    }
}

#[test]
fn steps_of_every_kind_of_layer_loss_and_arithmetic_wait_no_more_often() {
    let layers = CnnModel {
        channels: vec![4],
        hidden: vec![8],
        dropout: 0.3,
        norm: Norm::Batch,
        ..CnnModel::default()
    };
    let cnn = trial(&[1, 8, 8], 16 * EPOCH, ModelSpec::Cnn(layers), 16, Budget::Steps(1));
    let adam = with(cnn.clone(), |train| {
        (train.optimizer, train.precision) = (OptimizerKind::Adam, Precision::BFloat16);
    });
    let mut rmsprop = with(cnn, |train| (train.optimizer, train.loss) = (OptimizerKind::RmsProp, Loss::Mse));
    rmsprop.memory.micro_batch = MicroBatchPolicy::Fixed(5);
    for (name, spec) in [("bfloat16, Adam", adam), ("split batches, MSE, RMSprop", rmsprop)] {
        assert_waits(name, &spec, EPOCH / 2, 1);
    }
}

#[test]
fn data_that_is_streamed_and_epochs_of_one_step_are_not_waited_for() {
    let mut streamed = trial(&[1024], 16 * EPOCH, ModelSpec::Linear, 16, Budget::Steps(1));
    streamed.memory.budget = Some(Bytes(32 << 20));
    assert_waits("streamed", &streamed, EPOCH / 2, 1);
    // From 20 epochs on there are 20 milestones, however many epochs there are.
    assert_waits("one step an epoch", &seed_example(1024), 100, 0);
}
