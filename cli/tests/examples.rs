//! Every sweep file in `examples/` is one.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what went wrong by ending")]

use std::fs;
use std::path::Path;

use cli::spec_file::{self, Paths, Readers};
use domain::spec::{BatchSizeAxis, Budget, ModelSpec};
use domain::{SweepSpec, expand};

fn examples() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let folders = [folder.clone(), folder.join("python-model")];
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
    let toml = files
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    toml.map(|path| {
        (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap())
    })
    .collect()
}

fn parse(name: &str, text: &str) -> SweepSpec {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let paths = Paths { file_folder: folder.clone(), working_folder: folder, readers: Readers::Workers };
    spec_file::parse(name, text, &[], &paths)
        .unwrap_or_else(|mistakes| panic!("{}", mistakes.render(false)))
        .sweep
}

#[test]
fn every_example_is_a_sweep() {
    let examples = examples();
    assert!(examples.len() >= 3);
    for (name, text) in examples {
        assert!(!expand(&parse(&name, &text)).is_empty(), "{name}");
    }
}

#[test]
fn the_seed_example_is_the_one_that_is_promised() {
    let (name, text) = examples().into_iter().find(|(name, _)| name == "seed.toml").unwrap();
    let sweep = parse(&name, &text);
    assert_eq!(sweep.grid.batch_size, BatchSizeAxis::List(vec![1, 32, 1024]));
    assert_eq!((&sweep.model, sweep.train.budget), (&ModelSpec::Linear, Some(Budget::Epochs(3))));
    let steps: Vec<u64> = expand(&sweep).iter().map(|trial| trial.settings.total_steps(1000)).collect();
    assert_eq!(steps, [3000, 96, 3]);
}
