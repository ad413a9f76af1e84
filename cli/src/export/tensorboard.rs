//! A trial as a run of TensorBoard: its curves as scalars by metric name, and the axes of the sweep as hyperparameters.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};

use chrono::DateTime;
use prost::Message;
use report::Table;
use serde_json::Value;

use super::events::{Event, SessionEnd, SessionStart};
use super::folder::{Folder, Unfinished};
use super::record_file;
use crate::failure::Failure;

/// The name of the one file in a run's folder; TensorBoard looks for `tfevents` in it.
const FILE: &str = "events.out.tfevents.0000000000.batchsweep";

/// What TensorBoard is told of a trial besides its curves.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Place in the grid, from 0.
    pub index: u64,
    /// The value of every axis, by the keys of the sweep file, in the grid's order.
    pub parameters: Vec<(String, Value)>,
    /// Seconds since 1970 at which the attempt shown was claimed.
    pub started: f64,
    /// How it ended.
    pub end: SessionEnd,
}

impl Trial {
    /// The trial in a row of view `result`; `None` where nobody has begun it.
    #[must_use]
    pub fn from_result(row: &BTreeMap<&str, &str>) -> Option<Self> {
        let seconds = |column: &str| {
            let moment = DateTime::parse_from_rfc3339(row.get(column)?).ok()?;
            Some(moment.timestamp_micros() as f64 / 1e6)
        };
        let started = seconds("started_at")?;
        let parameters = match serde_json::from_str(row.get("parameters")?).ok()? {
            Value::Object(parameters) => parameters.into_iter().collect(),
            _ => return None,
        };
        let status = match *row.get("status")? {
            "succeeded" | "diverged" => 1,
            "failed" | "infeasible" | "cancelled" => 2,
            _ => 3,
        };
        let end_time_secs = seconds("finished_at").unwrap_or(started);
        let end = SessionEnd { status, end_time_secs };
        Some(Self { index: row.get("trial_index")?.parse().ok()?, parameters, started, end })
    }

    /// The folder of its run, such as `00003_batch_size=32_learning_rate=0.1_seed=0`.
    #[must_use]
    pub fn folder(&self) -> String {
        let mut name = format!("{:05}", self.index);
        for (key, value) in &self.parameters {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            name.push_str(&format!("_{key}={value}"));
        }
        // A folder's name on every system, and within its limit.
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._=+-".contains(c) { c } else { '-' };
        name.chars().map(plain).take(200).collect()
    }
}

/// The event file of one trial.
#[derive(Debug)]
pub struct Run {
    writer: BufWriter<File>,
    trial: Trial,
    points: u64,
    file: Unfinished,
}

impl Run {
    /// Begins the run of a trial in a folder of its own.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn begin(folder: &Folder, trial: Trial) -> Result<Self, Failure> {
        let (file, unfinished) = folder.begin(&format!("{}/{FILE}", trial.folder()))?;
        let started = trial.started;
        let hparams = trial.parameters.iter().filter_map(|(key, value)| Some((key.clone(), hparam(value)?)));
        let start = SessionStart { hparams: hparams.collect(), start_time_secs: started };
        let mut run = Self { writer: BufWriter::new(file), trial, points: 0, file: unfinished };
        run.write(&Event::first(started))?;
        run.write(&Event::start(start))?;
        Ok(run)
    }

    /// Adds rows of view `metric`. A value that is not finite is NaN. A point's wall time is the start of the attempt and
    /// the training time since.
    ///
    /// # Errors
    /// When the file cannot be written, or the rows are not of that view.
    pub fn add(&mut self, rows: &Table) -> Result<(), Failure> {
        let at = |name: &str| rows.column(name);
        let columns = at("name").zip(at("step")).zip(at("seconds").zip(at("value")));
        let foreign =
            || self.file.failure(&io::Error::other("the coordinator's rows are of another version"));
        let ((name, step), (seconds, value)) = columns.ok_or_else(foreign)?;
        for row in &rows.rows {
            let text = |index: usize| row.get(index).and_then(Option::as_deref);
            let number = |index: usize| text(index).and_then(|text| text.parse::<f64>().ok());
            let (Some(name), Some(step)) = (text(name), text(step).and_then(|text| text.parse().ok())) else {
                return Err(self.file.failure(&io::Error::other("a point has no name or no step")));
            };
            let wall_time = self.trial.started + number(seconds).unwrap_or_default();
            self.write(&Event::scalar(wall_time, step, name, number(value).unwrap_or(f64::NAN)))?;
            self.points += 1;
        }
        Ok(())
    }

    /// Writes the end of the run; gives the number of points.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(mut self) -> Result<u64, Failure> {
        self.write(&Event::end(self.trial.end.clone()))?;
        self.writer.flush().map_err(|error| self.file.failure(&error))?;
        self.file.finish()?;
        Ok(self.points)
    }

    fn write(&mut self, event: &Event) -> Result<(), Failure> {
        record_file::write(&mut self.writer, &event.encode_to_vec())
            .map_err(|error| self.file.failure(&error))
    }
}

fn hparam(value: &Value) -> Option<prost_types::Value> {
    use prost_types::value::Kind;
    let kind = match value {
        Value::Number(number) => Kind::NumberValue(number.as_f64()?),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Bool(flag) => Kind::BoolValue(*flag),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    Some(prost_types::Value { kind: Some(kind) })
}

#[cfg(test)]
mod tests {
    use report::{Column, ColumnKind};

    use super::*;
    use crate::export::events::HParams;

    /// The records of a file, every checksum checked.
    fn records(mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut records = Vec::new();
        let checked = |bytes: &[u8], crc: &[u8]| {
            assert_eq!(crc, record_file::masked_crc(bytes).to_le_bytes());
            bytes.to_vec()
        };
        while !bytes.is_empty() {
            let length = u64::from_le_bytes(checked(&bytes[..8], &bytes[8..12]).try_into().unwrap()) as usize;
            records.push(checked(&bytes[12..12 + length], &bytes[12 + length..16 + length]));
            bytes = &bytes[16 + length..];
        }
        records
    }

    fn row() -> BTreeMap<&'static str, &'static str> {
        BTreeMap::from([
            ("trial_index", "3"),
            ("status", "diverged"),
            (
                "parameters",
                r#"{"batch_size": 32, "learning_rate": 0.1, "optimizer": "adam", "nesterov": true}"#,
            ),
            ("started_at", "2026-11-24T07:48:34.5+00:00"),
            ("finished_at", "2026-11-24T07:48:36+00:00"),
        ])
    }

    #[test]
    fn a_trial_nobody_has_begun_is_no_run() {
        let mut row = row();
        row.remove("started_at");
        assert_eq!(Trial::from_result(&row), None);
    }

    #[test]
    fn a_run_reads_back_with_its_checksums_points_and_hyperparameters() {
        let outer = tempfile::tempdir().unwrap();
        let folder = Folder::open(outer.path(), "one", "tensorboard").unwrap();
        let trial = Trial::from_result(&row()).unwrap();
        let name = "00003_batch_size=32_learning_rate=0.1_optimizer=adam_nesterov=true";
        assert_eq!(trial.folder(), name);
        let started = trial.started;
        let mut run = Run::begin(&folder, trial).unwrap();
        let columns = ["name", "step", "seconds", "value"];
        let point = |cells: [Option<&str>; 4]| cells.map(|text| text.map(str::to_owned)).to_vec();
        let table = Table {
            columns: columns.map(|name| Column { name: name.to_owned(), kind: ColumnKind::Text }).to_vec(),
            rows: vec![
                point([Some("train_loss"), Some("1"), Some("0.25"), Some("0.6255")]),
                point([Some("train_loss"), Some("2"), Some("0.5"), None]),
            ],
        };
        run.add(&table).unwrap();
        assert_eq!(run.finish().unwrap(), 2);

        let records = records(&std::fs::read(outer.path().join(name).join(FILE)).unwrap());
        let events: Vec<Event> =
            records.iter().map(|record| Event::decode(record.as_slice()).unwrap()).collect();
        assert_eq!(events.len(), 5);
        assert_eq!(events[0].file_version.as_deref(), Some("brain.Event:2"));
        let value = |event: &Event| event.summary.clone().unwrap().value.remove(0);
        assert_eq!((events[2].step, events[2].wall_time), (1, started + 0.25));
        assert_eq!(
            (value(&events[2]).tag.as_str(), value(&events[2]).simple_value),
            ("train_loss", Some(0.625_5))
        );
        assert!(value(&events[3]).simple_value.unwrap().is_nan());
        let data = |event: &Event| {
            let plugin = value(event).metadata.unwrap().plugin_data.unwrap();
            assert_eq!(plugin.plugin_name, "hparams");
            HParams::decode(plugin.content.as_slice()).unwrap()
        };
        let hparams = data(&events[1]).session_start_info.unwrap().hparams;
        assert_eq!(
            hparams.keys().collect::<Vec<_>>(),
            ["batch_size", "learning_rate", "nesterov", "optimizer"]
        );
        assert_eq!(hparams["learning_rate"].kind, Some(prost_types::value::Kind::NumberValue(0.1)));
        assert_eq!(data(&events[4]).session_end_info.unwrap().status, 1);
    }
}
