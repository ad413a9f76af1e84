//! The JSON schema of the sweep file: the committed one is the command's, and it says what the reader says.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what went wrong by ending")]

use std::fs;
use std::path::{Path, PathBuf};

use cli::command::init;
use cli::spec_file::{self, Paths, Readers, schema};
use jsonschema::Validator;
use serde_json::Value;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

fn validator() -> Validator {
    let document = schema::document();
    jsonschema::meta::validate(&document).unwrap();
    jsonschema::draft202012::new(&document).unwrap()
}

fn json(toml: &str) -> Value {
    toml::from_str(toml).unwrap()
}

/// What the reader says is wrong; empty when nothing is.
fn mistakes(text: &str) -> String {
    // Whether a file is there is not the schema's affair.
    let paths = Paths { file_folder: examples(), working_folder: examples(), readers: Readers::ThisCommand };
    spec_file::parse("sweep.toml", text, &[], &paths)
        .err()
        .map_or_else(String::new, |mistakes| mistakes.render(false))
}

#[test]
fn the_committed_schema_is_what_the_command_prints() {
    let path = examples().join("sweep.schema.json");
    let committed = fs::read_to_string(path).unwrap_or_default();
    assert!(committed == schema::text(), "renew it: batchsweep schema > examples/sweep.schema.json");
}

#[test]
fn every_example_names_the_schema_and_keeps_to_it() {
    let validator = validator();
    let mut count = 0;
    for entry in fs::read_dir(examples()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = fs::read_to_string(&path).unwrap();
            assert_eq!(text.lines().next(), Some("#:schema ./sweep.schema.json"), "{}", path.display());
            validator.validate(&json(&text)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            count += 1;
        }
    }
    assert!(count >= 6);
}

#[test]
fn the_file_of_init_is_a_sweep_and_keeps_to_the_schema() {
    assert_eq!(mistakes(init::TEMPLATE), "");
    validator().validate(&json(init::TEMPLATE)).unwrap();
}

const SYNTHETIC: &str = "format = 'synthetic'\nexamples = 100\nfeatures = [4]\nclasses = 2\n";

/// A sweep file with these lines in its sections.
fn file(data: &str, model: &str, grid: &str, train: &str, memory: &str) -> String {
    format!("[data]\n{data}\n[model]\n{model}\n[grid]\n{grid}\n[train]\n{train}\n[memory]\n{memory}\n")
}

const GRID: &str = "batch_size = [1, 8]\nlearning_rate = [0.1]\n";
const TRAIN: &str = "epochs = 1\n";
const MODEL: &str = "kind = 'linear'\n";

fn with_data(lines: &str) -> String {
    file(lines, MODEL, GRID, TRAIN, "")
}

fn with_model(lines: &str) -> String {
    file(SYNTHETIC, lines, GRID, TRAIN, "")
}

fn with_grid(lines: &str) -> String {
    file(SYNTHETIC, MODEL, lines, TRAIN, "")
}

fn with_train(lines: &str) -> String {
    file(SYNTHETIC, MODEL, GRID, lines, "")
}

fn with_memory(lines: &str) -> String {
    file(SYNTHETIC, MODEL, GRID, TRAIN, lines)
}

/// Files at both sides of every rule: the schema and the reader must agree on each.
fn cases() -> Vec<String> {
    let mut cases = vec![
        "name = 'a-1'\n".to_owned() + &with_memory(""),
        "name = 'A'\n".to_owned() + &with_memory(""),
        "name = ''\n".to_owned() + &with_memory(""),
        "name = 3\n".to_owned() + &with_memory(""),
        format!("name = '{}'\n", "a".repeat(64)) + &with_memory(""),
        "lr = 1\n".to_owned() + &with_memory(""),
        with_memory("").replace("[model]\nkind = 'linear'\n", ""),
    ];
    let keys = |section: fn(&str) -> String, base: &str, lines: &[&str]| -> Vec<String> {
        lines.iter().map(|line| section(&format!("{base}{line}"))).collect()
    };
    cases.extend(keys(
        with_data,
        SYNTHETIC,
        &[
            "",
            "labels = 'teacher'",
            "labels = 'taught'",
            "seed = 3",
            "seed = -1",
            "path = 'x'",
            "validation = 20",
            "validation = '20'",
            "validation = 2.5",
            "limit = 0",
            "limit = 50",
            "normalize = 'standard'",
            "normalize = 'max'",
            "upload = 'x'",
        ],
    ));
    cases.extend(keys(
        with_data,
        "",
        &[
            "",
            "format = 'idx'",
            "format = 'idx'\npath = 'x'",
            "format = 'cifar10'\npath = 'x'",
            "format = 'cifar100'\npath = ''",
            "format = 'safetensors'\npath = 'x'\nclasses = 3",
            "format = 'safetensors'\nupload = 'x'",
            "format = 'safetensors'\nupload = ''",
            "format = 'safetensors'\nupload = 'x'\npath = 'x'",
            "format = 'safetensors'",
            "format = 'idx'\nupload = 'x'",
            "format = 'csv'\npath = 'x'",
            "path = 'x'",
            "format = 'synthetic'\nexamples = 0\nfeatures = [4]\nclasses = 2",
            "format = 'synthetic'\nfeatures = [4]\nclasses = 2",
            "format = 'synthetic'\nexamples = 5\nfeatures = []\nclasses = 2",
            "format = 'synthetic'\nexamples = 5\nfeatures = [0]\nclasses = 2",
            "format = 'synthetic'\nexamples = 5\nfeatures = [1]\nclasses = 1",
        ],
    ));
    cases.extend(keys(
        with_model,
        "",
        &[
            "",
            "kind = 'linear'\nhidden = [3]",
            "kind = 'mlp'",
            "kind = 'mlp'\nhidden = []",
            "kind = 'mlp'\nhidden = [0]",
            "kind = 'mlp'\nhidden = [64, 32]\ndropout = 0.5",
            "kind = 'mlp'\nhidden = [64]\ndropout = 1",
            "kind = 'mlp'\nhidden = 64",
            "kind = 'mlp'\nhidden = [64]\nnorm = 'batch'",
            "kind = 'mlp'\nhidden = [1048577]",
            "kind = 'cnn'\nchannels = [4]",
            "kind = 'cnn'\nchannels = [4]\nhidden = []",
            "kind = 'cnn'\nhidden = [4]",
            "kind = 'cnn'\nchannels = [4]\nkernel = 4",
            "kind = 'cnn'\nchannels = [4]\nkernel = 33",
            "kind = 'cnn'\nchannels = [4]\nkernel = 5\npooling = 1\nnorm = 'group'",
            "kind = 'cnn'\nchannels = [4]\npooling = 0",
            "kind = 'resnet'\ndepth = 20",
            "kind = 'resnet'",
            "kind = 'resnet'\ndepth = 18",
            "kind = 'resnet'\ndepth = 21",
            "kind = 'resnet'\ndepth = 8\nwidth = 4097",
            "kind = 'resnet'\ndepth = 1202\nnorm = 'layer'",
            "kind = 'resnet'\ndepth = 1208",
            "kind = 'torchscript'",
            "kind = 'torchscript'\npath = 'net.pt'",
            "kind = 'torchscript'\npath = ''",
            "kind = 'vit'",
        ],
    ));
    cases.extend(keys(
        with_grid,
        "learning_rate = [0.1]\n",
        &[
            "",
            "batch_size = []",
            "batch_size = 8",
            "batch_size = [0]",
            "batch_size = [8, 8]",
            "batch_size = [2147483648]",
            "batch_size = { from = 8, to = 64, factor = 2 }",
            "batch_size = { from = 8, to = 64 }",
            "batch_size = { from = 8, to = 64, factor = 1 }",
            "batch_size = { from = 8, to = 64, count = 3 }",
            "batch_size = [1]\nseed = []",
            "batch_size = [1]\nseed = [0, 1]",
            "batch_size = [1]\nseed = 3",
            "batch_size = [1]\noptimizer = ['sgd', 'adam']",
            "batch_size = [1]\noptimizer = ['lion']",
            "batch_size = [1]\noptimizer = 'sgd'",
            "batch_size = [1]\nmomentum = [0, 0.9]",
            "batch_size = [1]\nmomentum = [1]",
            "batch_size = [1]\nsteps = [10]",
            "batch_size = [1]\ntarget = [3]",
            "batch_size = [1]\nnesterov = [false]",
            "batch_size = [1]\nstop_at_target = [true]",
            "batch_size = [1]\nwarmup_steps = [0.5]",
        ],
    ));
    cases.extend(keys(
        with_grid,
        "batch_size = [8]\n",
        &[
            "",
            "learning_rate = 0.1",
            "learning_rate = [0]",
            "learning_rate = [1]",
            "learning_rate = ['0.1']",
            "learning_rate = { from = 0.1, to = 1, count = 3 }",
            "learning_rate = { from = 0.1, to = 1, count = 1 }",
            "learning_rate = { from = 0.1, to = 1, factor = 2 }",
            "learning_rate = { from = 0, to = 1, count = 3 }",
            "learning_rate = { base = 0.1, at = 8, rule = 'linear', times = [1] }",
            "learning_rate = { base = 0.1, at = 8, rule = 'cubic', times = [1] }",
            "learning_rate = { base = 0.1, at = 0, rule = 'sqrt', times = [1] }",
            "learning_rate = { base = 0.1, at = 8, rule = 'sqrt', times = [] }",
            "learning_rate = { base = 0.1, at = 8, rule = 'sqrt' }",
        ],
    ));
    cases.extend(keys(
        with_train,
        "",
        &[
            "",
            "epochs = 0",
            "steps = 5",
            "examples = 5",
            "epochs = 1\nsteps = 1",
            "epochs = 1.5",
            "epochs = [1]",
        ],
    ));
    cases.extend(keys(
        with_train,
        TRAIN,
        &[
            "optimizer = 'adamw'",
            "optimizer = 'AdamW'",
            "momentum = 0.9",
            "momentum = 1",
            "nesterov = true",
            "nesterov = true\nmomentum = 0.9",
            "nesterov = true\nmomentum = 0",
            "nesterov = 1",
            "weight_decay = 0",
            "weight_decay = -1",
            "beta1 = 1",
            "beta2 = 0.95",
            "epsilon = 0",
            "epsilon = 1e-8",
            "loss = 'mse'",
            "loss = 'l1'",
            "schedule = 'cosine'",
            "schedule = 'step'",
            "warmup_steps = 10",
            "warmup_steps = -1",
            "shuffle = false",
            "shuffle = 'no'",
            "precision = 'bfloat16'",
            "precision = 'float16'",
            "drop_last = true",
            "lr = 0.1",
            "batch_size = 4",
            "stop_at_target = true",
            "stop_at_target = false",
            "target = { metric = 'train_set_loss', below = 0.5 }",
            "target = { metric = 'validation_loss', below = 0.5 }",
            "target = { metric = 'train_set_loss', below = 0.5 }\nstop_at_target = true",
            "target = { metric = 'train_set_loss' }",
            "target = { metric = 'loss', below = 1 }",
            "target = 0.5",
            "target = { metric = 'train_set_loss', below = 1, above = 2 }",
        ],
    ));
    cases.extend(keys(
        with_memory,
        "",
        &[
            "budget = '64MiB'",
            "budget = '1.5 gb'",
            "budget = '64'",
            "budget = '64 B'",
            "budget = '1.5'",
            "budget = '64M'",
            "budget = 'much'",
            "budget = 65536",
            "budget = 0",
            "budget = 1.5",
            "budget = '2TiB'",
            "micro_batch = 'auto'",
            "micro_batch = 'off'",
            "micro_batch = 'on'",
            "micro_batch = 16",
            "micro_batch = 0",
            "microbatch = 4",
        ],
    ));
    let axis_of_budget = file(SYNTHETIC, MODEL, &format!("{GRID}epochs = [1, 2]"), "", "");
    let validated = format!("{SYNTHETIC}validation = 10");
    let target = "epochs = 1\ntarget = { metric = 'validation_error', below = 0.5 }";
    let stops = format!("{GRID}stop_at_target = [true, false]");
    cases.extend([
        axis_of_budget,
        file(&validated, MODEL, GRID, target, ""),
        file(&validated, MODEL, &stops, target, ""),
        file("format = 'safetensors'\npath = 'x'", MODEL, GRID, target, ""),
        file("format = 'idx'\npath = 'x'", MODEL, GRID, target, ""),
    ]);
    cases
}

#[test]
fn schema_and_reader_agree_on_both_sides_of_every_rule() {
    let validator = validator();
    let (mut good, mut bad) = (0, 0);
    for text in cases() {
        let (mistakes, json) = (mistakes(&text), json(&text));
        match (mistakes.is_empty(), validator.validate(&json)) {
            (true, Ok(())) => good += 1,
            (false, Err(_)) => bad += 1,
            (true, Err(error)) => panic!("only the schema refuses this: {error}\n{text}"),
            (false, Ok(())) => panic!("only the reader refuses this: {mistakes}\n{text}"),
        }
    }
    assert!(good > 40 && bad > 80, "{good} good ones and {bad} bad ones");
}

/// The keys that the reader knows in a section, as it lists them for one that it does not know.
fn known(section: &str, text: &str) -> Vec<String> {
    let text = text.replace(&format!("[{section}]\n"), &format!("[{section}]\nqqqqqqqqqqqq = 1\n"));
    let said = mistakes(&text);
    let (_, list) = said.split_once("known keys: ").unwrap_or_else(|| panic!("{said}"));
    let list = list.split(['│', '╰']).next().unwrap().replace('\n', " ");
    let mut keys: Vec<String> = list.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    keys.sort_unstable();
    keys
}

fn keys(table: &Value) -> Vec<String> {
    let mut keys: Vec<String> = table["properties"].as_object().unwrap().keys().cloned().collect();
    keys.sort_unstable();
    keys
}

#[test]
fn every_key_of_the_reader_is_in_the_schema_and_the_other_way_round() {
    let document = schema::document();
    let section = |name: &str| document["properties"][name].clone();
    let plain = with_memory("budget = 1");
    assert_eq!(known("grid", &plain), keys(&section("grid")));
    assert_eq!(known("train", &plain), keys(&section("train")));
    assert_eq!(known("memory", &plain), keys(&section("memory")));
    for table in section("data")["oneOf"].as_array().unwrap() {
        let format = table["properties"]["format"]["const"].as_str().unwrap();
        let lines = if format == "synthetic" {
            SYNTHETIC.to_owned()
        } else {
            format!("format = '{format}'\npath = 'x'")
        };
        assert_eq!(known("data", &with_data(&lines)), keys(table), "{format}");
    }
    for table in section("model")["oneOf"].as_array().unwrap() {
        let kind = table["properties"]["kind"]["const"].as_str().unwrap();
        assert_eq!(known("model", &with_model(&format!("kind = '{kind}'"))), keys(table), "{kind}");
    }
}

#[test]
fn every_key_is_described() {
    fn check(path: &str, schema: &Value) {
        for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{key}");
            let is_said = schema["description"].as_str().is_some_and(|text| !text.is_empty());
            // Keys of [train] are described where they are defined; the word that chooses a table, in the tables.
            let elsewhere = schema["$ref"].is_string() || schema["enum"].is_array();
            assert!(is_said || elsewhere, "{path}");
            check(&path, schema);
        }
        for table in schema["oneOf"].as_array().into_iter().flatten() {
            check(path, table);
        }
    }
    let document = schema::document();
    check("", &document);
    for (key, definition) in document["$defs"].as_object().unwrap() {
        assert!(definition["description"].is_string(), "{key}");
    }
}
