//! Odd surroundings: output that cannot be written, a dumb terminal, a strict umask, paths with any character, a user
//! without a name.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::unistd::geteuid;
use serde_json::Value;

use super::sandbox::{Sandbox, example};

#[test]
fn talk_and_logs_that_cannot_be_written_cost_no_result() {
    let sandbox = Sandbox::new();
    sandbox.state().create().unwrap();
    for log in ["postgres", "coordinator", "worker-local-0"] {
        symlink("/dev/full", sandbox.state().log(log)).unwrap();
    }
    let run = sandbox
        .command(&["run", &example("seed.toml"), "-o", "json", "-v"])
        .stdin(Stdio::null())
        .stderr(File::options().write(true).open("/dev/full").unwrap())
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(0));
    let rows: Vec<Value> = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(rows.len(), 3, "{rows:?}");
    assert!(rows.iter().all(|row| row["status"] == "succeeded"), "{rows:?}");
}

#[test]
fn a_mistake_that_cannot_be_shown_is_still_a_mistake() {
    let sandbox = Sandbox::new();
    let file = sandbox.file("wrong.toml", "epoch = 3");
    for arguments in [&["run", &file.to_string_lossy()][..], &["show", "nothing"], &["--no-such-flag"]] {
        let status = sandbox
            .command(arguments)
            .stdin(Stdio::null())
            .stderr(File::options().write(true).open("/dev/full").unwrap())
            .status()
            .unwrap();
        assert!(matches!(status.code(), Some(2 | 3)), "{arguments:?}: {status}");
    }
}

#[test]
fn results_go_to_a_reader_that_leaves_early_and_nothing_is_said() {
    let sandbox = Sandbox::new();
    sandbox.read(&["run", &example("seed.toml")]);
    for verb in ["results", "metrics"] {
        let mut child = sandbox
            .command(&[verb, "@last", "-o", "csv"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The reader is gone before the first byte.
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{verb}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{verb}");
    }
}

#[test]
fn a_dumb_terminal_gets_a_line_a_trial() {
    let sandbox = Sandbox::new();
    let script = format!("'{}' run '{}'", sandbox.program().display(), example("seed.toml"));
    let terminal = Command::new("script")
        .args(["-qec", &script, "/dev/null"])
        .env("TERM", "dumb")
        .env("BATCHSWEEP_STATE_DIR", sandbox.state().path())
        .env_remove("BATCHSWEEP_COORDINATOR")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&terminal.stdout);
    assert_eq!(terminal.status.code(), Some(0), "{said}");
    for line in ["[1/3]", "[2/3]", "[3/3]"] {
        assert!(said.contains(line), "{said}");
    }
}

/// A stack needs neither a lax umask nor a plain path.
#[test]
fn a_strict_umask_and_any_character_in_the_state_folder_are_fine() {
    let sandbox = Sandbox::new();
    let odd = sandbox.state().path().join("new/it's \"odd\", 100% $HOME; ü*");
    let odd = odd.to_string_lossy();
    let call = |arguments: &[&str]| {
        let mut strict = Command::new("sh");
        strict.args(["-c", "umask 077; exec \"$@\"", "sh"]).arg(sandbox.program()).args(arguments);
        strict.args(["--state-dir", &odd]).env_remove("BATCHSWEEP_COORDINATOR").stdin(Stdio::null());
        let output = strict.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    };
    call(&["doctor"]);
    let seed = example("seed.toml");
    call(&["run", &seed, "-o", "json"]);
    let rows: Vec<Value> = serde_json::from_str(&call(&["results", "@last", "-o", "json"])).unwrap();
    assert_eq!(rows.len(), 3);
    // The database's user alone has to get in: by its group it may pass, but not look.
    let mode = fs::metadata(&*odd).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, if geteuid().is_root() { 0o710 } else { 0o700 });
}

#[test]
fn what_is_in_the_state_folder_is_closed_to_other_users() {
    let sandbox = Sandbox::new();
    let module = example("scripted-module.pt");
    let sent = sandbox.file("sent.toml", &format!(
        "name = \"sent\"\n[data]\nformat = \"synthetic\"\nexamples = 64\nfeatures = [1, 28, 28]\nclasses = 10\n\
         [model]\nkind = \"torchscript\"\nupload = {module:?}\n\
         [grid]\nbatch_size = [32]\nlearning_rate = [0.01]\n[train]\nepochs = 1\n"
    ));
    sandbox.read(&["run", &sent.to_string_lossy()]);
    let folder = sandbox.state().path();
    let mode = |path: &std::path::Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder) & 0o067, 0, "{:o}: its own user, and the database's may pass", mode(folder));
    let mut folders = vec![folder.to_owned()];
    let mut seen = 0;
    while let Some(open) = folders.pop() {
        for entry in fs::read_dir(open).unwrap().flatten().map(|entry| entry.path()) {
            if entry == sandbox.state().postgres() {
                assert_eq!(mode(&entry), 0o700);
            } else if entry.is_dir() {
                assert_eq!(mode(&entry) & 0o007, 0, "{}: {:o}", entry.display(), mode(&entry));
                folders.push(entry);
            } else if entry.is_file() {
                seen += 1;
                let name = entry.file_name().unwrap().to_string_lossy().into_owned();
                let is_lock = name.ends_with(".lock");
                let others = if is_lock { 0o077 } else { 0o007 };
                let in_leaf = entry.parent() == Some(folder);
                assert!(
                    mode(&entry) & others == 0 || in_leaf && !is_lock,
                    "{}: {:o}",
                    entry.display(),
                    mode(&entry)
                );
            }
        }
    }
    assert!(seen > 5, "{seen} files");
}

#[test]
fn a_user_without_a_name_is_refused_with_what_to_do_by_run_and_doctor_alike() {
    const NOBODY_KNOWN: u32 = 54_321;
    if !geteuid().is_root() {
        return;
    }
    let sandbox = Sandbox::new();
    // Where that user can get at it.
    let folder = sandbox.state().path().parent().unwrap();
    let program = folder.join("batchsweep");
    fs::copy(sandbox.program(), &program).unwrap();
    let file = sandbox.file("seed.toml", &fs::read_to_string(example("seed.toml")).unwrap());
    let own = folder.join("own");
    fs::create_dir(&own).unwrap();
    std::os::unix::fs::chown(&own, Some(NOBODY_KNOWN), Some(NOBODY_KNOWN)).unwrap();
    for arguments in [&["run", &*file.to_string_lossy()][..], &["doctor"]] {
        let output = Command::new(&program)
            .args(arguments)
            .arg("--state-dir")
            .arg(own.join("state"))
            .current_dir("/")
            .uid(NOBODY_KNOWN)
            .gid(NOBODY_KNOWN)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("has the number 54321 but no name") && said.contains("/etc/passwd"), "{said}");
    }
}
