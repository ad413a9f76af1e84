//! `run` on a GPU that is not there: the whole path, from the command to a worker on libtorch's CUDA library.

use std::path::Path;
use std::process::Command;

use board::{Board, Card, Word};

use super::sandbox::{Sandbox, example};

#[path = "../../../worker/tests/fake_cuda/board.rs"]
#[allow(dead_code, reason = "the worker's own tests look at more of it")]
mod board;

#[test]
fn a_device_that_breaks_in_the_middle_costs_an_attempt_and_no_trial() {
    let sandbox = Sandbox::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let made = Command::new(root.join("scripts/setup")).arg("--fake-cuda").output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let fake = root.join(".fake-cuda").canonicalize().unwrap();
    let libraries = ["torch/lib", "driver", "nvml"].map(|folder| fake.join(folder));
    let libraries = std::env::join_paths(libraries).unwrap();
    let place = sandbox.state().path().with_file_name("board");
    let board = Board::create(&place, &[Card::new(0)]);
    // Well within the 3000 steps of the first trial.
    board.change(0, Word::BreakAtLaunch, 8_000);
    let environment =
        [("LD_LIBRARY_PATH", libraries.to_str().unwrap()), ("FAKE_CUDA_BOARD", place.to_str().unwrap())];
    let run = sandbox.call_with(&environment, &["run", &example("seed.toml"), "--device", "cuda:0"]);
    let said = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(0), "{said}");
    assert_eq!(board.read(0, Word::BreakAtLaunch), 0, "it broke");
    let rows = sandbox.rows(&["results", "@last"]);
    assert!(
        rows.iter()
            .all(|row| row["status"] == "succeeded" && row["device"].as_str().unwrap().starts_with("cuda:0")),
        "{rows:?}"
    );
    let attempts: u64 = rows.iter().map(|row| row["attempts"].as_u64().unwrap()).sum();
    assert_eq!(attempts, rows.len() as u64 + 1, "{said}");
    let failed = "select error from batchsweep.attempt where outcome = 'failed'";
    let failed = sandbox.rows(&["sql", failed]);
    assert!(failed[0]["error"].as_str().unwrap().contains("illegal memory access"), "{failed:?}");
}
