//! TorchScript modules of the user's own.

use std::path::PathBuf;

use domain::TrialSpec;
use domain::spec::{Budget, ModelSpec};
use proto::v1::Outcome;

use crate::board::Global;
use crate::machine::Machine;
use crate::trials::trial;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(format!("{}/tests/fixtures/modules/{name}.pt", env!("CARGO_MANIFEST_DIR")))
}

fn convolutional() -> TrialSpec {
    let module = ModelSpec::script(fixture("convolutional").display().to_string());
    trial(&[1, 9, 7], 256, module, 32, Budget::Epochs(2))
}

#[test]
fn no_kernel_is_compiled_while_a_module_trains() {
    let machine = Machine::new();
    let trained = machine.trainer("cuda:0").train(&convolutional());
    assert_eq!(trained.result.outcome(), Outcome::Succeeded, "{}", trained.result.message);
    assert_eq!(machine.board().get(Global::CompilerCalls), 0, "{}", machine.log());
}

#[test]
fn an_operation_without_a_deterministic_kernel_warns_once_and_not_with_every_step() {
    let machine = Machine::new();
    machine.trainer("cuda:0").train(&convolutional());
    let log = machine.log();
    // The backward of its adaptive pooling.
    assert_eq!(log.matches("does not have a deterministic implementation").count(), 1, "{log}");
}
