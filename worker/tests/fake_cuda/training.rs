//! Whole trials.

use domain::spec::OptimizerKind;
use proto::v1::{self, MetricName, Outcome};

use crate::board::{Global, Word};
use crate::machine::Machine;
use crate::trainer::Trained;
use crate::trials::{cnn, seed_example, with};

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

#[test]
fn a_trial_goes_on_in_another_process_from_where_it_was_saved() {
    let machine = Machine::new();
    let folder = tempfile::tempdir().unwrap();
    let spec = with(cnn(16, 20), |train| train.optimizer = OptimizerKind::Adam);
    let saving = v1::Checkpointing {
        folder: folder.path().display().to_string(),
        every_steps: 8,
        ..v1::Checkpointing::default()
    };
    let mut trainer = machine.trainer("cuda:0");
    trainer.begin_with(&spec, saving);
    let whole = trainer.finish().unwrap();
    let (file, step) = whole.before.saved.last().cloned().unwrap();
    assert_eq!(step, 16);

    let mut another = machine.trainer("cuda:0");
    another.begin_with(&spec, v1::Checkpointing { resume_file: file, ..v1::Checkpointing::default() });
    let rest = another.finish().unwrap();
    assert_eq!((rest.before.resumed, rest.result.steps), (Some(16), 20));
    assert_eq!(rest.result.outcome(), Outcome::Succeeded, "{}", rest.result.message);
    // Kernels compute nothing, so each loss is 0; that they are there is what shows.
    let steps = |trained: &Trained| {
        trained.curve(MetricName::TrainLoss).iter().map(|(step, _)| *step).collect::<Vec<_>>()
    };
    assert_eq!(steps(&rest), steps(&whole)[16..]);
    assert_eq!(rest.peak(), whole.peak());
}
