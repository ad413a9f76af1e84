//! The bundle that checks a GPU elsewhere, on the fake one, in a folder of its own.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::machine::{Machine, fake_cuda};

/// A bundle of the worker and these very tests.
fn packed(into: &Path) -> PathBuf {
    let bundle = into.join("bundle");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let packing = Command::new(root.join("scripts/check-gpu"))
        .arg("--pack")
        .arg(&bundle)
        .args(["--built", env!("CARGO_BIN_EXE_batchsweep-worker")])
        .arg(std::env::current_exe().unwrap())
        .output()
        .unwrap();
    assert!(packing.status.success(), "{}", String::from_utf8_lossy(&packing.stderr));
    bundle
}

/// A Python's folder of packages, with a PyTorch of this version as far as the bundle looks at it.
fn packages(into: &Path, version: &str) -> PathBuf {
    let packages = into.join(version);
    let torch = packages.join("torch");
    fs::create_dir_all(&torch).unwrap();
    fs::write(torch.join("__init__.py"), "raise ImportError('nobody imports this')\n").unwrap();
    fs::write(
        torch.join("version.py"),
        format!("from typing import Optional\n\n__version__ = '{version}'\n"),
    )
    .unwrap();
    symlink(fake_cuda().join("torch/lib"), torch.join("lib")).unwrap();
    packages
}

fn run(bundle: &Path, packages: &Path, machine: &Machine) -> Output {
    let mut command = Command::new(bundle.join("run"));
    machine.use_fake_cuda(&mut command);
    // As on a machine with a GPU, where the driver is all that the loader finds by itself.
    command.env(
        "LD_LIBRARY_PATH",
        std::env::join_paths(["driver", "nvml"].map(|part| fake_cuda().join(part))).unwrap(),
    );
    let test = "any_device::memory::the_first_trial_of_a_process_takes_what_the_second_one_takes";
    command.args(["--python", "python3", test]).env("PYTHONPATH", packages).output().unwrap()
}

#[test]
fn a_bundle_checks_a_gpu_with_the_pytorch_of_a_python_and_refuses_another_version() {
    let folder = TempDir::new().unwrap();
    let bundle = packed(folder.path());
    let machine = Machine::new();

    let right = run(&bundle, &packages(folder.path(), "2.13.0+cu130"), &machine);
    let (report, errors) = (String::from_utf8_lossy(&right.stdout), String::from_utf8_lossy(&right.stderr));
    assert!(right.status.success(), "{report}\n{errors}");
    assert!(report.contains("PyTorch 2.13.0+cu130") && report.contains("tests: ok. 1 passed"), "{report}");
    assert_eq!(fs::read_to_string(bundle.join("report.txt")).unwrap(), report);

    let other = run(&bundle, &packages(folder.path(), "2.12.1+cu128"), &machine);
    let errors = String::from_utf8_lossy(&other.stderr);
    assert_eq!(other.status.code(), Some(2), "{errors}");
    assert!(errors.contains("built for PyTorch 2.13.0") && errors.contains("2.12.1"), "{errors}");
}
