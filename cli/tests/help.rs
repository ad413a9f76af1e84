//! The `--help` of every verb is a snapshot, so that a reviewer sees it change. To accept a change:
//! `TRYCMD=overwrite cargo test -p cli --test help`.

use clap::CommandFactory;
use cli::arguments::Arguments;

#[test]
fn help_is_as_reviewed() {
    trycmd::TestCases::new().case("tests/cmd/*.trycmd");
}

#[test]
fn every_verb_has_a_snapshot_and_two_examples() {
    for verb in Arguments::command().get_subcommands() {
        let snapshot = format!("tests/cmd/{}.trycmd", verb.get_name());
        let text = std::fs::read_to_string(&snapshot).unwrap_or_else(|_| panic!("{snapshot} is missing"));
        let examples = text.split_once("Examples:").map_or("", |(_, examples)| examples);
        assert_eq!(examples.lines().filter(|line| line.starts_with("  ")).count(), 2, "{snapshot}");
    }
}
