//! TorchScript modules of the user's own.

use proto::v1::Outcome;

use crate::board::Global;
use crate::machine::Machine;
use crate::trials::convolutional;

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
