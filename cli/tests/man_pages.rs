//! Man pages: one for the command, one for each verb and each verb's own verbs.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what went wrong by ending")]

use std::fs;

use assert_cmd::cargo::cargo_bin_cmd;
use clap::CommandFactory;
use cli::arguments::Arguments;

/// `batchsweep-token-create` and all its like, with what each does.
fn pages(command: &clap::Command, name: &str, pages: &mut Vec<(String, String)>) {
    pages.push((name.to_owned(), command.get_about().unwrap().to_string()));
    for verb in command.get_subcommands() {
        self::pages(verb, &format!("{name}-{}", verb.get_name()), pages);
    }
}

#[test]
fn every_verb_has_a_man_page_with_its_options_and_examples() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("share/man1");
    for _ in 0..2 {
        cargo_bin_cmd!("batchsweep").args(["man", "--out"]).arg(&out).assert().success();
    }
    let mut expected = Vec::new();
    pages(&Arguments::command(), "batchsweep", &mut expected);
    assert_eq!(fs::read_dir(&out).unwrap().count(), expected.len());
    for (name, about) in expected {
        let page = fs::read_to_string(out.join(format!("{name}.1"))).unwrap_or_else(|_| panic!("{name}.1"));
        let plain = page.replace('\\', "");
        assert!(plain.contains(&about), "{name}: {about}");
        assert!(plain.contains("--state-dir"), "{name}");
        assert!(!page.contains('\x1b'), "{name} has colours of a terminal in it");
        // Verbs of a verb share its examples.
        if name.matches('-').count() < 2 {
            assert!(plain.contains("Examples:\n  batchsweep "), "{name}");
        }
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let output = cargo_bin_cmd!("batchsweep").args(["man", "--out"]).arg(file.join("man")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write man pages to"));
}
