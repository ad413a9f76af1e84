//! Sweeps get names and tags, and are removed when nobody needs them any more.

use std::fs;
use std::path::Path;

use super::sandbox::{Sandbox, example};

/// Bytes of all files below a folder.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

#[test]
fn sweeps_are_named_tagged_and_removed() {
    let sandbox = Sandbox::new();
    for name in ["one", "two", "three"] {
        sandbox.read(&["run", &example("seed.toml"), "--set", &format!("name={name}")]);
    }
    sandbox.read(&["rename", "one", "baseline"]);
    sandbox.read(&["tag", "baseline", "+paper", "final"]);
    sandbox.read(&["tag", "baseline", "-final"]);
    assert_eq!(sandbox.read(&["tag", "baseline"]), "paper\n");
    let listed = sandbox.rows(&["ls"]);
    let names: Vec<_> = listed.iter().map(|row| row["sweep_name"].as_str().unwrap()).collect();
    assert_eq!(names, ["three", "two", "baseline"]);
    assert_eq!((&listed[2]["tags"], &listed[2]["cancelled"]), (&"paper".into(), &0.into()));

    // Nobody can be asked here.
    let unasked = sandbox.call(&["rm", "two"]);
    assert_eq!(unasked.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unasked.stderr).contains("--yes"));
    assert_eq!(sandbox.call(&["rm", "two", "tow", "--yes"]).status.code(), Some(5));
    assert_eq!(sandbox.rows(&["ls"]).len(), 3, "all of them or none");
    let removed = sandbox.call(&["rm", "two", "--yes"]);
    let said = String::from_utf8_lossy(&removed.stderr);
    assert!(said.contains("removed two (") && said.contains("on disk"), "{said}");
    assert_eq!(sandbox.call(&["results", "two"]).status.code(), Some(5));
    assert_eq!(sandbox.rows(&["results", "baseline"]).len(), 3);

    let nothing = sandbox.call(&["prune", "--older-than", "1d", "--yes"]);
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("no sweep is that old"));
    sandbox.read(&["prune", "--older-than", "0s", "--keep-tagged", "--yes"]);
    assert_eq!(sandbox.rows(&["ls"])[0]["sweep_name"], "baseline");
    sandbox.read(&["rm", "@last", "--yes"]);
    assert_eq!(sandbox.rows(&["ls"]).len(), 0);
    let left = size(sandbox.state().path());
    assert!(left < 120 << 20, "the state folder has {} MiB", left >> 20);
}
