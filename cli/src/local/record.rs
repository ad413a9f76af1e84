//! What runs, written down for the next command to find.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::local::StateDir;
use crate::local::process::ProcessId;

/// The stack as its starter wrote it down.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// Where the coordinator listens, such as `http://127.0.0.1:41873`.
    pub url: String,
    /// Where its web page is, such as `http://127.0.0.1:39021`; empty where there is none.
    pub page: String,
    /// Whether `up` started it: then it stays.
    pub stays: bool,
    /// The coordinator's process; `None` where it does not run.
    pub coordinator: Option<ProcessId>,
    /// The workers, by name.
    pub workers: Vec<(String, ProcessId)>,
}

impl Record {
    /// What runs now: processes that have ended are left out. Empty when nothing was written down.
    #[must_use]
    pub fn load(state: &StateDir) -> Self {
        let text = fs::read_to_string(path(state)).unwrap_or_default();
        let record = serde_json::from_str(&text).ok().and_then(|value| parse(&value)).unwrap_or_default();
        Self {
            coordinator: record.coordinator.filter(|process| process.is_alive()),
            workers: record.workers.into_iter().filter(|(_, process)| process.is_alive()).collect(),
            ..record
        }
    }

    /// Whether nothing of it runs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.coordinator.is_none() && self.workers.is_empty()
    }

    /// Writes it down; nothing is left of an empty one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, state: &StateDir) -> Result<(), Failure> {
        let path = path(state);
        let write = || {
            if self.is_empty() {
                return fs::remove_file(&path).or_else(|error| match error.kind() {
                    std::io::ErrorKind::NotFound => Ok(()),
                    _ => Err(error),
                });
            }
            // Renamed into place, so that nobody reads half of it.
            let unfinished = path.with_extension("json.new");
            fs::write(&unfinished, format!("{:#}\n", self.to_json()))?;
            fs::rename(&unfinished, &path)
        };
        write().map_err(|error| Failure::io(format!("cannot write {}", path.display()), &error))
    }

    fn to_json(&self) -> Value {
        let process = |process: &ProcessId| json!({ "pid": process.pid, "started": process.started });
        let worker = |(name, id): &(String, ProcessId)| json!({ "name": name, "process": process(id) });
        json!({
            "url": self.url,
            "page": self.page,
            "stays": self.stays,
            "coordinator": self.coordinator.as_ref().map(process),
            "workers": self.workers.iter().map(worker).collect::<Vec<_>>(),
        })
    }
}

fn path(state: &StateDir) -> PathBuf {
    state.file("stack.json")
}

fn parse(value: &Value) -> Option<Record> {
    let process = |value: &Value| {
        Some(ProcessId {
            pid: u32::try_from(value.get("pid")?.as_u64()?).ok()?,
            started: value.get("started").and_then(Value::as_u64),
        })
    };
    let worker =
        |value: &Value| Some((value.get("name")?.as_str()?.to_owned(), process(value.get("process")?)?));
    Some(Record {
        url: value.get("url")?.as_str()?.to_owned(),
        // An earlier version wrote none.
        page: value.get("page").and_then(Value::as_str).unwrap_or_default().to_owned(),
        stays: value.get("stays")?.as_bool()?,
        coordinator: value.get("coordinator").and_then(process),
        workers: value.get("workers")?.as_array()?.iter().filter_map(worker).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_without_the_dead() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::resolve(Some(folder.path())).unwrap();
        let own = ProcessId::of(std::process::id()).unwrap();
        let dead = ProcessId { started: Some(1), ..own };
        let record = Record {
            url: "http://127.0.0.1:7070".to_owned(),
            page: "http://127.0.0.1:7080".to_owned(),
            stays: true,
            coordinator: Some(own),
            workers: vec![("local-0".to_owned(), own), ("local-1".to_owned(), dead)],
        };
        record.save(&state).unwrap();
        let loaded = Record::load(&state);
        assert_eq!(loaded.workers, [("local-0".to_owned(), own)]);
        assert_eq!((loaded.url, loaded.page), (record.url, record.page));
        assert_eq!((loaded.coordinator, loaded.stays), (Some(own), true));
        Record::default().save(&state).unwrap();
        assert!(Record::load(&state).is_empty());
        fs::write(path(&state), "{ torn").unwrap();
        assert!(Record::load(&state).is_empty());
    }
}
