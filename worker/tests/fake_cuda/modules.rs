//! TorchScript modules of the user's own.

use std::path::PathBuf;

use domain::spec::{Budget, ModelSpec};
use proto::v1::Outcome;

use crate::board::Global;
use crate::machine::Machine;
use crate::trials::trial;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(format!("{}/tests/fixtures/modules/{name}.pt", env!("CARGO_MANIFEST_DIR")))
}

#[test]
fn no_kernel_is_compiled_while_a_module_trains() {
    let machine = Machine::new();
    let spec = trial(
        &[1, 9, 7],
        256,
        ModelSpec::script(fixture("convolutional").display().to_string()),
        32,
        Budget::Epochs(2),
    );
    let trained = machine.trainer("cuda:0").train(&spec);
    assert_eq!(trained.result.outcome(), Outcome::Succeeded, "{}", trained.result.message);
    assert_eq!(machine.board().get(Global::CompilerCalls), 0, "{}", machine.log());
}
