//! A model and data that only the person at the keyboard has: sent along with the sweep, and trained with as if they were on
//! the worker.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::sandbox::{Sandbox, example};

/// Grey images of 28 x 28 and their classes, all made up.
fn safetensors(examples: usize) -> Vec<u8> {
    let images = (0..examples * 784).map(|place| (place * 31 % 251) as u8);
    let classes = (0..examples).flat_map(|example| (example as i64 % 10).to_le_bytes());
    let data: Vec<u8> = images.chain(classes).collect();
    let middle = examples * 784;
    let header = json!({
        "train_x": { "dtype": "U8", "shape": [examples, 28, 28], "data_offsets": [0, middle] },
        "train_y": { "dtype": "I64", "shape": [examples], "data_offsets": [middle, data.len()] },
    });
    let header = header.to_string().into_bytes();
    [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat()
}

/// A folder with a module, data, and sweep files that name them in either way.
fn laptop(sandbox: &Sandbox) -> PathBuf {
    let folder = sandbox.state().path().with_file_name("laptop");
    fs::create_dir(&folder).unwrap();
    fs::copy(example("scripted-module.pt"), folder.join("net.pt")).unwrap();
    fs::write(folder.join("my.safetensors"), safetensors(2_000)).unwrap();
    for key in ["upload", "path"] {
        let text = format!(
            "[data]\nformat = 'safetensors'\n{key} = 'my.safetensors'\n[model]\nkind = 'torchscript'\n{key} = 'net.pt'\n\
             [grid]\nbatch_size = [50, 500]\nlearning_rate = [0.01]\n[train]\nepochs = 1\n"
        );
        fs::write(folder.join(format!("{key}.toml")), text).unwrap();
    }
    folder
}

fn losses(sandbox: &Sandbox) -> Vec<Value> {
    let rows = sandbox.rows(&["results", "@last"]);
    assert!(rows.iter().all(|row| row["status"] == "succeeded"), "{rows:?}");
    rows.iter().map(|row| row["final_train_loss"].clone()).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn files_that_are_sent_along_train_as_those_on_the_worker_do() {
    let sandbox = Sandbox::new();
    let folder = laptop(&sandbox);
    let spec = |name: &str| folder.join(name).to_string_lossy().into_owned();
    sandbox.read(&["run", &spec("path.toml"), "--keep"]);
    let expected = losses(&sandbox);

    let submitted = sandbox.call(&["submit", &spec("upload.toml"), "--wait"]);
    let said = String::from_utf8_lossy(&submitted.stderr);
    assert!(submitted.status.success(), "{said}");
    assert!(said.contains("sending net.pt (") && said.contains("sending my.safetensors (1.5 MiB)"), "{said}");
    assert_eq!(losses(&sandbox), expected);
    let kept = files(&sandbox.state().file("uploads"));
    assert_eq!(kept.len(), 2, "{kept:?}");

    // What the coordinator has is not sent again; what the worker lost, it fetches again.
    kept.iter().for_each(|file| fs::remove_file(file).unwrap());
    let again = sandbox.call(&["submit", &spec("upload.toml"), "--wait"]);
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(again.status.success() && !said.contains("sending"), "{said}");
    assert_eq!(losses(&sandbox), expected);
    assert_eq!(files(&sandbox.state().file("uploads")), kept);

    // Another file of the same name is another file.
    fs::write(folder.join("my.safetensors"), safetensors(1_000)).unwrap();
    let other = sandbox.call(&["submit", &spec("upload.toml"), "--wait"]);
    let said = String::from_utf8_lossy(&other.stderr);
    assert!(said.contains("sending my.safetensors") && !said.contains("sending net.pt"), "{said}");
    assert_ne!(losses(&sandbox), expected);
    let ids: Vec<Value> =
        sandbox.rows(&["ls"]).iter().take(2).map(|sweep| sweep["sweep_id"].clone()).collect();
    let compared = sandbox.read(&["compare", ids[0].as_str().unwrap(), ids[1].as_str().unwrap()]);
    assert!(compared.contains("data.upload"), "{compared}");
}

#[test]
fn a_sweep_with_files_to_send_is_planned_and_run_in_one_command_and_a_missing_one_is_told_first() {
    let sandbox = Sandbox::new();
    let folder = laptop(&sandbox);
    let spec = folder.join("upload.toml").to_string_lossy().into_owned();
    let planned = sandbox.rows(&["plan", &spec]);
    assert!(planned.iter().all(|row| row["predicted_peak_memory_bytes"].is_u64()), "{planned:?}");
    sandbox.read(&["run", &spec]);
    losses(&sandbox);

    let missing = sandbox.call(&["run", &spec, "--set", "model.upload=nte.pt"]);
    let said = String::from_utf8_lossy(&missing.stderr);
    assert_eq!(missing.status.code(), Some(2), "{said}");
    assert!(said.contains("cannot read \"nte.pt\"") && said.contains("nothing was started"), "{said}");
}
