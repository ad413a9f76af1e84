//! A sweep file from `init`, run, and exported in every format.

use std::fs::{self, File};
use std::path::Path;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use serde_json::Value;

use super::sandbox::Sandbox;

const TABLES: [&str; 6] = ["results", "trials", "metrics", "attempts", "splits", "decisions"];

fn value(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(flag) => Value::from(*flag),
        Field::Long(number) | Field::TimestampMicros(number) => Value::from(*number),
        Field::Double(number) => Value::from(*number),
        Field::Str(text) => Value::from(text.as_str()),
        other => panic!("no view has a {other:?}"),
    }
}

/// The rows of a Parquet file as JSON objects.
fn parquet_rows(path: &Path) -> Vec<Value> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let object =
        |row: Row| row.into_columns().into_iter().map(|(name, field)| (name, value(&field))).collect();
    reader.get_row_iter(None).unwrap().map(|row| Value::Object(object(row.unwrap()))).collect()
}

/// A CSV file's header, and its rows.
fn csv_rows(path: &Path) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let text = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect::<Vec<_>>();
    let header = text(reader.headers().unwrap());
    (header, reader.records().map(|record| text(&record.unwrap())).collect())
}

#[test]
fn the_sweep_of_init_runs_as_it_is_and_is_exported_in_every_format() {
    let sandbox = Sandbox::new();
    let spec = sandbox.file("unused", "").with_file_name("mine.toml");
    let spec = spec.to_str().unwrap();
    sandbox.read(&["init", spec]);
    assert_eq!(sandbox.call(&["init", spec]).status.code(), Some(2), "it is there already");
    sandbox.read(&["init", spec, "--force"]);
    sandbox.read(&["up"]);
    sandbox.read(&["run", spec]);

    let results = sandbox.rows(&["results", "my-sweep"]);
    assert_eq!(results.len(), 45);
    let metrics = sandbox.rows(&["metrics", "my-sweep"]);
    let folder = |name: &str| Path::new(spec).with_file_name(name);
    let export = |format: &str| {
        let out = folder(format);
        ["export", "my-sweep", "--format", format, "--out", out.to_str().unwrap()].map(str::to_owned)
    };
    for format in ["csv", "parquet", "tensorboard"] {
        let arguments = export(format);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        // The same once more is no other content.
        sandbox.read(&arguments);
        sandbox.read(&arguments);
    }

    for name in TABLES {
        let (header, rows) = csv_rows(&folder("csv").join(format!("{name}.csv")));
        let typed = parquet_rows(&folder("parquet").join(format!("{name}.parquet")));
        assert_eq!(typed.len(), rows.len(), "{name}");
        // Every cell is trained, so none was decided on.
        let Some(first) = typed.first() else {
            assert_eq!(name, "decisions");
            continue;
        };
        let keys: Vec<&String> = first.as_object().unwrap().keys().collect();
        assert_eq!(keys, header.iter().collect::<Vec<_>>(), "{name}");
    }
    let typed = parquet_rows(&folder("parquet").join("results.parquet"));
    for (row, expected) in typed.iter().zip(&results) {
        for (key, value) in expected.as_object().unwrap() {
            if !key.ends_with("_at") {
                assert_eq!(&row[key], value, "{key}");
            }
        }
    }
    let exported = parquet_rows(&folder("parquet").join("metrics.parquet"));
    assert_eq!(exported.len(), metrics.len());
    assert_eq!(exported.last(), metrics.last());

    let runs = fs::read_dir(folder("tensorboard")).unwrap().map(|entry| entry.unwrap().path());
    let runs: Vec<_> = runs.filter(|path| path.is_dir()).collect();
    assert_eq!(runs.len(), 45);
    assert!(
        runs.iter().all(|run| fs::read_dir(run).unwrap().count() == 1),
        "one file a run, also the second time"
    );

    let elsewhere = sandbox.call(&[
        "export",
        "my-sweep",
        "--format",
        "csv",
        "--out",
        folder("parquet").to_str().unwrap(),
    ]);
    assert_eq!(elsewhere.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&elsewhere.stderr).contains("holds other files"));
    let nobody = folder("nobody");
    let nobody = ["export", "nobody", "--format", "csv", "--out", nobody.to_str().unwrap()];
    assert_eq!(sandbox.call(&nobody).status.code(), Some(5));
    assert!(!folder("nobody").exists());
}
