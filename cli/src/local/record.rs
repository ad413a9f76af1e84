//! What runs, written down for the next command to find.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::local::process::ProcessId;
use crate::local::{StateDir, life};

/// The stack as its starter wrote it down.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// Where the coordinator listens, such as `http://127.0.0.1:41873`.
    pub url: String,
    /// Where its web page is, such as `http://127.0.0.1:39021`; empty where there is none.
    pub page: String,
    /// Whether `up` started it: then it stays. Otherwise it ends with the command that started it: see [`owner`].
    pub stays: bool,
    /// The main process of the database.
    pub database: Option<ProcessId>,
    /// The coordinator's process; `None` where it does not run.
    pub coordinator: Option<ProcessId>,
    /// The workers, by name.
    pub workers: Vec<(String, ProcessId)>,
    /// Names of workers that were written down and have ended since. These are not written.
    pub lost: Vec<String>,
}

impl Record {
    /// What runs now and goes on running. Processes that have ended are left out, and so are those whose command is gone: they
    /// are on their way out. Empty when nothing was written down.
    #[must_use]
    pub fn load(state: &StateDir) -> Self {
        let found = Self::of_living(state);
        let goes_on = found.stays || life::is_held(&owner(state));
        if goes_on { found } else { Self { url: found.url, ..Self::default() } }
    }

    /// What runs now, also what is on its way out.
    #[must_use]
    pub fn of_living(state: &StateDir) -> Self {
        let text = fs::read_to_string(path(state)).unwrap_or_default();
        let record = serde_json::from_str(&text).ok().and_then(|value| parse(&value)).unwrap_or_default();
        let (alive, lost): (Vec<_>, Vec<_>) =
            record.workers.into_iter().partition(|(_, process)| process.is_alive());
        Self {
            database: record.database.filter(|process| process.is_alive()),
            coordinator: record.coordinator.filter(|process| process.is_alive()),
            workers: alive,
            lost: lost.into_iter().map(|(name, _)| name).collect(),
            ..record
        }
    }

    /// Whether nothing of it runs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.database.is_none() && self.coordinator.is_none() && self.workers.is_empty()
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
            "database": self.database.as_ref().map(process),
            "coordinator": self.coordinator.as_ref().map(process),
            "workers": self.workers.iter().map(worker).collect::<Vec<_>>(),
        })
    }
}

/// The lock of the command that a stack ends with, held for as long as that command lives. The system frees it before it sends
/// the stack its signal, so whoever can take it knows that what runs is on its way out.
#[must_use]
pub fn owner(state: &StateDir) -> PathBuf {
    life::file(state, "owner")
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
        database: value.get("database").and_then(process),
        coordinator: value.get("coordinator").and_then(process),
        workers: value.get("workers")?.as_array()?.iter().filter_map(worker).collect(),
        lost: Vec::new(),
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
            database: Some(own),
            coordinator: Some(own),
            workers: vec![("local-0".to_owned(), own), ("local-1".to_owned(), dead)],
            lost: Vec::new(),
        };
        record.save(&state).unwrap();
        let loaded = Record::load(&state);
        assert_eq!(loaded.workers, [("local-0".to_owned(), own)]);
        assert_eq!(loaded.lost, ["local-1"]);
        assert_eq!((&loaded.url, &loaded.page), (&record.url, &record.page));
        assert_eq!((loaded.coordinator, loaded.stays), (Some(own), true));
        // One that does not stay goes on for as long as its command.
        Record { stays: false, ..record }.save(&state).unwrap();
        assert!(Record::load(&state).is_empty());
        assert!(!Record::of_living(&state).is_empty());
        let held = life::take(&owner(&state)).unwrap();
        assert_eq!(Record::load(&state).coordinator, Some(own));
        drop(held);
        Record::default().save(&state).unwrap();
        assert!(Record::load(&state).is_empty());
        fs::write(path(&state), "{ torn").unwrap();
        assert!(Record::load(&state).is_empty());
    }
}
