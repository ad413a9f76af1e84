//! The JSON schema of the sweep file: the committed one is the command's, and it says what the reader says.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what went wrong by ending")]

mod cases;

use std::fs;
use std::path::{Path, PathBuf};

use cli::command::init;
use cli::spec_file::{self, Paths, Readers, schema};
use jsonschema::Validator;
use serde_json::Value;

use cases::{SYNTHETIC, cases, with_data, with_memory, with_model};

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
