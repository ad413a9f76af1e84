//! Files without an end and models that never return: a clear sentence, and an interrupt that works.

use std::fs::File;
use std::process::Stdio;
use std::time::{Duration, Instant};

use cli::local::process::ProcessId;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::sandbox::{Sandbox, trainer_of, wait_for};

const DEVICE: &str = "it is a device, a pipe or a socket, not a regular file";

#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let sandbox = Sandbox::new();
    let pipe = sandbox.file("pipe", "");
    std::fs::remove_file(&pipe).unwrap();
    mkfifo(&pipe, Mode::S_IRWXU).unwrap();
    let pipe = pipe.display().to_string();
    let data = |lines: &str| {
        format!(
            "[data]\n{lines}\n[model]\nkind = \"linear\"\n[grid]\nbatch_size = [8]\nlearning_rate = [0.1]\n[train]\nsteps = 2\n"
        )
    };
    let synthetic = "format = \"synthetic\"\nexamples = 64\nfeatures = [10]\nclasses = 2";
    let model = |lines: &str| {
        data(synthetic).replace("kind = \"linear\"", &format!("kind = \"torchscript\"\n{lines}"))
    };
    for path in ["/dev/zero", pipe.as_str()] {
        for text in [
            data(&format!("format = \"safetensors\"\npath = \"{path}\"")),
            data(&format!("format = \"safetensors\"\nupload = \"{path}\"")),
            model(&format!("path = \"{path}\"")),
            model(&format!("upload = \"{path}\"")),
        ] {
            let spec = sandbox.file("sweep.toml", &text);
            let refused = sandbox.call(&["run", spec.to_str().unwrap()]);
            let said = String::from_utf8_lossy(&refused.stderr);
            assert_eq!(refused.status.code(), Some(2), "{text}\n{said}");
            assert!(said.contains(DEVICE), "{text}\n{said}");
        }
        let refused = sandbox.call(&["model", "check", path]);
        assert!(String::from_utf8_lossy(&refused.stderr).contains(DEVICE));
        assert_eq!(refused.status.code(), Some(1));
    }
    let refused = sandbox.call(&["plan", "/dev/zero"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("it has more than 16.0 MiB"), "{said}");
    let mut endless = sandbox.command(&["sql"]);
    let refused = endless.stdin(Stdio::from(File::open("/dev/zero").unwrap())).output().unwrap();
    assert_ne!(refused.status.code(), Some(0));
    assert_eq!(sandbox.processes(), []);
}

#[test]
fn a_model_that_never_returns_is_told_of_and_an_interrupt_ends_it() {
    let sandbox = Sandbox::new();
    let module = format!("{}/../worker/tests/fixtures/modules/endless.pt", env!("CARGO_MANIFEST_DIR"));
    let start = Instant::now();
    let mut check = sandbox.start(&["model", "check", &module, "--input", "4"]);
    check.wait_for_line("or the model does not return; Ctrl-C ends it");
    assert!(start.elapsed() >= Duration::from_secs(10), "a slow one is left alone for a while");
    let command = check.process();
    let trainer = wait_for("a trainer", || trainer_of(command));
    check.signal(Signal::SIGINT);
    check.finish();
    wait_for("the trainer's end", || (!trainer.is_alive()).then_some(()));
    assert!(ProcessId::of(command.pid).is_none_or(|process| process != command));
}

#[test]
fn a_check_gives_up_after_its_time() {
    let sandbox = Sandbox::new();
    let module = format!("{}/../worker/tests/fixtures/modules/endless.pt", env!("CARGO_MANIFEST_DIR"));
    let check = sandbox.call(&["model", "check", &module, "--input", "4", "--timeout", "2s"]);
    let said = String::from_utf8_lossy(&check.stderr);
    assert_eq!(check.status.code(), Some(1), "{said}");
    assert!(said.contains("for 2s, so the trainer was ended"), "{said}");
}
