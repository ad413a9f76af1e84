//! The arrows between the crates, as `docs/ARCHITECTURE.md` draws them: this test fails when one is added.

#![allow(clippy::unwrap_used, reason = "a test says what went wrong by ending")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What each crate may use of ours, and of the libraries that only one crate may know.
const ALLOWED: [(&str, &[&str]); 13] = [
    ("domain", &[]),
    ("proto", &["domain"]),
    ("report", &["domain"]),
    ("storage", &["domain", "object_store", "reqwest"]),
    ("telemetry", &[]),
    ("coordinator", &["domain", "proto", "report", "sqlx", "storage", "telemetry"]),
    ("worker", &["domain", "proto", "storage", "tch", "telemetry", "torch-sys"]),
    ("trainer-python", &["domain", "worker"]),
    ("cli", &["domain", "proto", "report", "resvg"]),
    ("bench-measure", &["domain"]),
    // Times the trainer from outside, through its protocol.
    ("bench-trainer", &["bench-measure", "domain", "proto"]),
    // Times the coordinator from outside, through the wire.
    ("bench-queue", &["bench-measure", "domain", "proto"]),
    // Replays finished trials; trains nothing.
    ("bench-search", &["domain"]),
];

/// Libraries behind one crate's wall.
const WALLED: [&str; 6] = ["object_store", "reqwest", "resvg", "sqlx", "tch", "torch-sys"];

/// Everything the pure core may use: no async runtime, no file, no socket, no clock.
const PURE: [&str; 3] = ["sha2", "thiserror", "uuid"];

/// The normal dependencies of each crate of the workspace.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let normal = |package: &Value| {
        let all = package["dependencies"].as_array().unwrap().iter();
        all.filter(|dependency| dependency["kind"].is_null())
            .map(|dependency| text(&dependency["name"]))
            .collect()
    };
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().map(|package| (text(&package["name"]), normal(package))).collect()
}

#[test]
fn crates_use_only_what_the_architecture_allows() {
    let dependencies = dependencies();
    let ours: Vec<_> = ALLOWED.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        dependencies.len(),
        ours.len(),
        "a crate is missing from this test: {:?}",
        dependencies.keys()
    );
    for (name, allowed) in ALLOWED {
        for used in &dependencies[name] {
            let is_guarded = ours.contains(&used.as_str()) || WALLED.contains(&used.as_str());
            assert!(!is_guarded || allowed.contains(&used.as_str()), "{name} must not use {used}");
        }
    }
}

#[test]
fn the_domain_is_pure() {
    for used in &dependencies()["domain"] {
        assert!(PURE.contains(&used.as_str()), "domain must not use {used}: no async, no I/O, no clock");
    }
}

/// The files below this folder of the workspace that know the messages of the wire: they name module `v1`.
fn wire_edges(folder: &str) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = BTreeSet::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
            if text.split(|letter| !is_part(letter)).any(|word| word == "v1") {
                found.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}

#[test]
fn the_store_knows_the_wire_where_specs_are_encoded_only() {
    let edges = BTreeSet::from(["coordinator/src/store/encoded.rs".to_owned()]);
    assert_eq!(wire_edges("coordinator/src/store"), edges, "left: what names `v1`; right: what may");
}

#[test]
fn the_trainer_knows_the_wire_where_it_talks_to_its_agent_and_in_checkpoint_files_only() {
    let edges = ["worker/src/trainer/process/wire.rs", "worker/src/trainer/state/encoding.rs"];
    let edges = BTreeSet::from(edges.map(str::to_owned));
    assert_eq!(wire_edges("worker/src/trainer"), edges, "left: what names `v1`; right: what may");
}

/// Cargo reads every member of the workspace, whatever an image builds.
#[test]
fn images_are_built_from_every_crate_of_the_workspace() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let sent = fs::read_to_string(root.join(".dockerignore")).unwrap();
    let (_, members) = manifest.split_once("members = [").unwrap();
    let (members, _) = members.split_once(']').unwrap();
    let members = members.split(',').map(|member| member.trim().trim_matches('"'));
    let missing: Vec<_> =
        members.filter(|member| !sent.lines().any(|line| line == format!("!{member}"))).collect();
    assert!(missing.is_empty(), "not in .dockerignore: {missing:?}");
}
