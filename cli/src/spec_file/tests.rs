use std::path::PathBuf;

use domain::spec::{BatchSizeAxis, Budget, LearningRateAxis, TrainKey};
use proptest::prelude::*;

use super::*;

const GOOD: &str = r#"
name = "seed"

[data]
format = "synthetic"
examples = 1000
features = [10]
classes = 2

[model]
kind = "linear"

[grid]
batch_size = [1, 32, 1024]
learning_rate = [0.01]

[train]
epochs = 3
"#;

pub(super) fn paths(readers: Readers) -> Paths {
    Paths { file_folder: "/sweeps".into(), working_folder: "/here".into(), readers }
}

pub(super) fn parse_with(text: &str, overrides: &[&str]) -> Result<SweepSpec, String> {
    let overrides: Vec<String> = overrides.iter().map(|&text| text.to_owned()).collect();
    // One of the examples sends a file along.
    let file_folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let paths = Paths { file_folder, ..paths(Readers::Workers) };
    let parsed = parse("sweep.toml", text, &overrides, &paths);
    parsed.map(|file| file.sweep).map_err(|mistakes| mistakes.render(false))
}

pub(super) fn mistakes(text: &str) -> String {
    parse_with(text, &[]).expect_err("there is a mistake")
}

/// The good file with one line replaced.
pub(super) fn with(line: &str, replacement: &str) -> String {
    assert!(GOOD.contains(line), "{line}");
    GOOD.replace(line, replacement)
}

#[test]
fn a_good_file_is_a_sweep() {
    let sweep = parse_with(GOOD, &[]).unwrap();
    assert_eq!(sweep.name.as_deref(), Some("seed"));
    assert_eq!(sweep.grid.batch_size, BatchSizeAxis::List(vec![1, 32, 1024]));
    assert_eq!(sweep.train.budget, Some(Budget::Epochs(3)));
    assert_eq!(domain::expand(&sweep).len(), 3);
}

#[test]
fn five_mistakes_are_shown_at_once() {
    insta::assert_snapshot!(mistakes(
        r#"name = "seed"

[data]
format   = "synthetic"
examples = "1000"
features = [10]
classes  = 2

[model]
kind = "mpl"

[grid]
batch_sizes   = [1, 32, 1024]
learning_rate = [0.01, -0.1]

[train]
epochs = 3
steps  = 100
"#
    ));
}

#[test]
fn a_syntax_error_has_its_place() {
    insta::assert_snapshot!(mistakes("[grid]\nbatch_size = [1, 32\n\n[train]\nepochs == 3\n"));
}

#[test]
fn an_empty_file_misses_four_sections() {
    insta::assert_snapshot!(mistakes(""));
}

#[test]
fn keys_that_belong_elsewhere_say_so() {
    insta::assert_snapshot!(mistakes(
        r#"
[data]
format = "idx"
upload = "my.safetensors"

[model]
kind = "resnet"
depth = 21
hidden = [64]

[grid]
batch_size = [1]
learning_rate = [0.1]

[train]
epochs = 1
"#
    ));
}

/// A file with this [data] section.
fn with_data(data: &str) -> String {
    let (before, after) = GOOD.split_once("[data]").unwrap();
    let (_, after) = after.split_once("[model]").unwrap();
    format!("{before}[data]\n{data}\n[model]{after}")
}

#[test]
fn every_format_is_read() {
    for (data, format) in [
        ("format = \"idx\"\npath = \"fashion-mnist\"\nvalidation = 5000", "idx"),
        ("format = \"cifar10\"\npath = \"cifar-10\"\nlimit = 2000\nnormalize = \"standard\"", "cifar10"),
        ("format = \"cifar100\"\npath = \"cifar-100\"", "cifar100"),
        ("format = \"safetensors\"\npath = \"my.safetensors\"\nnormalize = \"none\"", "safetensors"),
    ] {
        assert_eq!(parse_with(&with_data(data), &[]).unwrap().data.source.format(), format);
    }
}

#[test]
fn formats_are_guessed_and_missing_paths_asked_for() {
    let mistakes: Vec<_> = ["cifar", "CIFAR-100", "fashion-mnist", "safetensor", "csv"]
        .iter()
        .map(|format| mistakes(&with_data(&format!("format = \"{format}\""))))
        .chain(
            ["cifar10", "safetensors"]
                .iter()
                .map(|format| mistakes(&with_data(&format!("format = \"{format}\"")))),
        )
        .collect();
    insta::assert_snapshot!(mistakes.join("\n"));
}

#[test]
fn keys_of_other_programs_are_explained() {
    insta::assert_snapshot!(mistakes(&with_data(
        r#"format = "cifar10"
root = "cifar-10"
classes = 10
split = "train"
validation_split = 0.1
mean = [0.49, 0.48, 0.45]
flip = true
normalise = "standard""#
    )));
    insta::assert_snapshot!(mistakes(&with_data(
        r#"format = "safetensors"
path = "my.safetensors"
train_x = "inputs"
validation = 0.1
normalize = "imagenet""#
    )));
}

#[test]
fn a_hold_out_of_all_that_the_limit_leaves_is_shown_at_its_place() {
    insta::assert_snapshot!(mistakes(&with_data(
        "format = \"cifar10\"\npath = \"cifar-10\"\nlimit = 2000\nvalidation = 5000"
    )));
}

#[test]
fn a_key_of_another_section_is_sent_home() {
    insta::assert_snapshot!(mistakes(&format!(
        "lr = 3\nbatch_size = [1]\n{GOOD}seed = 3\nlearning_rate = 0.1\nbudget = 3\n"
    )));
}

#[test]
fn keys_of_another_kind_say_which() {
    let text = with("kind = \"linear\"", "kind = \"linear\"\nhidden = [64]")
        .replace("classes = 2", "classes = 2\npath = \"x\"");
    insta::assert_snapshot!(mistakes(&text));
}

#[test]
fn the_rules_of_the_domain_are_told_at_their_place() {
    let text = with("batch_size = [1, 32, 1024]", "batch_size = [32, \"x\", 0]\nmomentum = [0.9, 1.5]")
        .replace(
            "epochs = 3",
            "steps = 0\nnesterov = true\ntarget = { metric = \"validation_error\", below = 0.1 }",
        );
    insta::assert_snapshot!(mistakes(&text));
}

#[test]
fn axes_that_are_no_axes_are_explained() {
    let text = with("batch_size = [1, 32, 1024]", "batch_size = { from = 8, to = 64, count = 3 }").replace(
        "learning_rate = [0.01]",
        "learning_rate = 0.01\nseed = { base = 1 }\noptimizer = [\"sgd\", \"adm\"]",
    );
    insta::assert_snapshot!(mistakes(&text));
}

#[test]
fn a_number_in_quotes_or_with_a_fraction_gets_a_hint() {
    let text = with(
        "epochs = 3",
        "epochs = \"3\"\nmomentum = \"0.9\"\noptimizer = [\"sgd\"]\nwarmup_steps = 1e3\nschedule = \"cosin\"",
    )
    .replace("examples = 1000", "examples = 1e3");
    insta::assert_snapshot!(mistakes(&format!(
        "{text}\n[memory]\nbudget = \"64 megs\"\nmicro_batch = true\n"
    )));
}

#[test]
fn a_set_argument_overrides_the_file_and_is_pointed_at() {
    let sweep =
        parse_with(GOOD, &["grid.batch_size=[8, 16]", "train.optimizer=adam", "train.steps=10"]).unwrap();
    assert_eq!(sweep.grid.batch_size, BatchSizeAxis::List(vec![8, 16]));
    assert_eq!(sweep.train.optimizer.word(), "adam");
    assert_eq!(sweep.train.budget, Some(Budget::Steps(10)));
    let text = parse_with(GOOD, &["grid.batchsize=[8]", "train.optimizer=adan", "grid.learning_rate=["])
        .unwrap_err();
    insta::assert_snapshot!(text);
}

#[test]
fn an_axis_written_as_a_table_is_replaced_whole() {
    let text = with(
        "learning_rate = [0.01]",
        "learning_rate = { base = 0.1, at = 32, rule = \"sqrt\", times = [1] }",
    );
    let sweep = parse_with(&text, &["grid.learning_rate={ from = 0.1, to = 1.0, count = 2 }"]).unwrap();
    assert_eq!(sweep.grid.learning_rate, LearningRateAxis::LogSpaced { from: 0.1, to: 1.0, count: 2 });
}

#[test]
fn train_axes_keep_the_order_of_the_file() {
    let text = with(
        "learning_rate = [0.01]",
        "momentum = [0.0, 0.9]\nlearning_rate = [0.01]\nepsilon = [1e-8]\nbeta1 = [0.9]",
    );
    let sweep = parse_with(&text, &["grid.loss=[\"mse\"]"]).unwrap();
    let keys: Vec<TrainKey> = sweep.grid.train.iter().map(|axis| axis.key).collect();
    assert_eq!(keys, [TrainKey::Momentum, TrainKey::Epsilon, TrainKey::Beta1, TrainKey::Loss]);
}

#[test]
fn a_word_a_path_and_a_size_need_no_quotes_in_a_shell() {
    let text = with("kind = \"linear\"", "kind = \"torchscript\"\npath = \"net.pt\"");
    let set = |overrides: &[&str]| parse_with(&text, overrides).unwrap();
    for path in ["nte.pt", "inf/net.pt", "/data/1.pt", "../net.pt", "true-net"] {
        assert_eq!(set(&[&format!("model.path={path}")]).model, ModelSpec::script(path));
    }
    assert_eq!(set(&["memory.budget=64MiB"]).memory.budget, Some(domain::Bytes(64 << 20)));
    assert_eq!(set(&["train.optimizer=adam", "train.epochs=5"]).train.budget, Some(Budget::Epochs(5)));
    assert!(parse_with(&text, &["model.path=true"]).is_err());
}

/// Pieces that are likely to get far into the reader.
fn piece() -> impl Strategy<Value = String> {
    let words = [
        "[data]\n",
        "[grid]\n",
        "[train]\n",
        "[model]\n",
        "[memory]\n",
        "[search]\n",
        "goal",
        "[[grid]]\n",
        "format",
        "batch_size",
        "learning_rate",
        "target",
        "epochs",
        "steps",
        "hidden",
        "budget",
        "micro_batch",
        " = ",
        "[",
        "]",
        "{ ",
        " }",
        ", ",
        "\n",
        "\"synthetic\"",
        "\"é€\"",
        "1e400",
        "-1",
        "nan",
        "9223372036854775808",
        "0",
        "true",
        "1979-05-27",
        "from",
        "to",
        "factor",
        ".",
        "'",
        "\"",
    ];
    prop_oneof![4 => prop::sample::select(words.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,6}"]
}

#[test]
fn a_file_that_is_nested_without_end_never_panics() {
    let deep = 100_000;
    for text in [
        "[".repeat(deep),
        "[[".repeat(deep),
        format!("name = {}", "[".repeat(deep)),
        format!("name = {}1{}", "[".repeat(deep), "]".repeat(deep)),
        format!("name = {}", "{ a = ".repeat(deep)),
        format!("{}name = 1", "a.".repeat(deep)),
        format!("[{}name]", "a.".repeat(deep)),
        format!("grid.{}name = 1", "a.".repeat(deep)),
    ] {
        mistakes(&text);
        mistakes(&format!("{GOOD}{text}"));
        parse_with(GOOD, &[&text]).unwrap_err();
        parse_with(GOOD, &[&format!("grid.seed={text}")]).unwrap_err();
    }
}

/// The examples that we ship, and one with every section.
fn valid_files() -> Vec<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    assert!(paths.len() > 5, "{paths:?}");
    paths.sort();
    let mut files: Vec<String> = paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    for file in &files {
        parse_with(file, &[]).unwrap();
    }
    files.push(GOOD.to_owned());
    files
}

/// One change to a file that was right.
#[derive(Debug, Clone)]
enum Damage {
    /// A character becomes another one.
    Replace(prop::sample::Index, char),
    Insert(prop::sample::Index, String),
    /// A line stands twice.
    Repeat(prop::sample::Index),
    Remove(prop::sample::Index),
    /// Two lines change places, or one line takes the other's value.
    Swap(prop::sample::Index, prop::sample::Index),
    TakeValue(prop::sample::Index, prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = any::<prop::sample::Index>;
    prop_oneof![
        (place(), any::<char>()).prop_map(|(at, with)| Damage::Replace(at, with)),
        (place(), piece()).prop_map(|(at, what)| Damage::Insert(at, what)),
        place().prop_map(Damage::Repeat),
        place().prop_map(Damage::Remove),
        (place(), place()).prop_map(|(one, other)| Damage::Swap(one, other)),
        (place(), place()).prop_map(|(one, other)| Damage::TakeValue(one, other)),
    ]
}

fn damaged(file: &str, damages: &[Damage]) -> String {
    let mut text = file.to_owned();
    for damage in damages {
        let mut characters: Vec<char> = text.chars().collect();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if lines.is_empty() {
            return text;
        }
        let line = |at: &prop::sample::Index| at.index(text.lines().count());
        text = match damage {
            Damage::Replace(at, with) => {
                let at = at.index(characters.len());
                characters[at] = *with;
                characters.into_iter().collect()
            }
            Damage::Insert(at, what) => {
                let at = at.index(characters.len());
                characters.splice(at..at, what.chars());
                characters.into_iter().collect()
            }
            Damage::Repeat(at) => {
                lines.insert(line(at), lines[line(at)].clone());
                lines.join("\n")
            }
            Damage::Remove(at) => {
                lines.remove(line(at));
                lines.join("\n")
            }
            Damage::Swap(one, other) => {
                lines.swap(line(one), line(other));
                lines.join("\n")
            }
            Damage::TakeValue(one, other) => {
                let value = lines[line(other)].split_once('=').map(|(_, value)| value.to_owned());
                if let (Some((key, _)), Some(value)) = (lines[line(one)].split_once('='), value) {
                    lines[line(one)] = format!("{key}={value}");
                }
                lines.join("\n")
            }
        };
    }
    text
}

proptest! {
    /// A file that is right but for a few changes is read, or every mistake in it is shown.
    #[test]
    fn a_damaged_file_never_panics(
        file in prop::sample::select(valid_files()),
        damages in prop::collection::vec(damage(), 1..6),
    ) {
        match parse_with(&damaged(&file, &damages), &[]) {
            Ok(sweep) => prop_assert!(sweep.grid.trial_count().is_some()),
            Err(mistakes) => prop_assert!(mistakes.contains("error"), "{mistakes}"),
        }
    }

    #[test]
    fn no_text_panics(pieces in prop::collection::vec(piece(), 0..40), set in "\\PC{0,12}") {
        let text = pieces.concat();
        let _ = parse_with(&text, &[]);
        let _ = parse_with(&format!("{GOOD}{text}"), &[&text]);
        let _ = parse_with(GOOD, &[&set]);
        let _ = parse_with(GOOD, &[&format!("grid.{text}")]);
    }

    #[test]
    fn a_file_cut_short_never_panics(end in 0usize..GOOD.len()) {
        let _ = parse_with(&GOOD[..end], &[]);
    }
}
