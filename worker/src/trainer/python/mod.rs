//! The trainer with a Python interpreter around it: models of kind python are run by the interpreter that the user works with,
//! with its own torch, and this trainer is loaded into it as an extension module (the crate `trainer-python`).

use std::env;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::device;

/// What the interpreter runs first.
const BOOTSTRAP: &str = include_str!("bootstrap.py");

/// The trainer as an extension module, beside this program or in the folder for libraries next to its own.
const LIBRARY: &str = "libbatchsweep_trainer.so";
const FOLDERS: [&str; 2] = ["", "../lib"];

/// Makes this process a Python interpreter that hosts the trainer: `python`, or the environment's where that is `-`. Comes
/// back only with the reason why it cannot be.
#[must_use]
pub fn become_hosted(python: &Path) -> String {
    let Ok(own) = env::current_exe() else { return "this program's own path is unknown".to_owned() };
    let folder = own.parent().unwrap_or(Path::new("/"));
    let library = FOLDERS.iter().map(|place| folder.join(place).join(LIBRARY)).find(|path| path.exists());
    let Some(library) = library else {
        return format!(
            "this installation has no {LIBRARY} beside {}: it cannot run models of kind python",
            own.display()
        );
    };
    let python = if python == Path::new("-") { of_environment() } else { python.to_owned() };
    let error = Command::new(&python)
        .args(["-c", BOOTSTRAP])
        .args([&own, &library])
        .arg(device::LIBTORCH_VERSION)
        .envs(device::ENVIRONMENT.into_iter().filter(|(name, _)| env::var_os(name).is_none()))
        // What is printed belongs into a log, and is to be there when the process is killed.
        .env("PYTHONUNBUFFERED", "1")
        .exec();
    format!(
        "the Python interpreter {} cannot be started: {error}; name another one with BATCHSWEEP_PYTHON, or --python of the worker",
        python.display()
    )
}

/// The interpreter of the environment that this process was started in.
fn of_environment() -> PathBuf {
    let named = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    named("BATCHSWEEP_PYTHON")
        .or_else(|| named("VIRTUAL_ENV").map(|folder| folder.join("bin/python")))
        .unwrap_or_else(|| PathBuf::from("python3"))
}
