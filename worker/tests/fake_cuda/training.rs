//! Whole trials.

use proto::v1::{MetricName, Outcome};

use crate::board::{Global, Word};
use crate::machine::Machine;
use crate::trials::{cnn, seed_example};

#[test]
fn a_trial_trains_every_step_on_the_device() {
    let machine = Machine::new();
    let mut trainer = machine.trainer("cuda:0");
    let trained = trainer.train(&seed_example(32));
    assert_eq!((trained.result.outcome(), trained.result.steps), (Outcome::Succeeded, 96), "{trained:?}");
    assert_eq!(trained.curve(MetricName::TrainLoss).len(), 96);
    assert!(machine.board().read(0, Word::Launches) > 96);
    assert!(trainer.end().success());
}

#[test]
fn nothing_is_asked_of_the_runtime_that_it_cannot_do() {
    let machine = Machine::new();
    let mut trainer = machine.trainer("cuda:0");
    trainer.train(&cnn(16, 5));
    assert_eq!(machine.board().get(Global::UnsupportedCalls), 0, "{}", machine.log());
    assert_eq!(machine.board().get(Global::CompilerCalls), 0);
}

#[test]
fn memory_of_the_host_is_left_alone_until_it_has_been_copied() {
    let machine = Machine::new();
    machine.board().set(Global::CopyDelayUs, 2000);
    machine.trainer("cuda:0").train(&cnn(16, 20));
    assert!(machine.board().read(0, Word::CopiesToDevice) > 0);
    assert_eq!(machine.board().read(0, Word::TornCopies), 0);
}
