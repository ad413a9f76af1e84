//! What one command holds of a stack: the processes that it started, and whether the stack ends with it.

use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::failure::Failure;
use crate::local::options::Lifetime;
use crate::local::process::ProcessId;
use crate::local::record::{self, Record};
use crate::local::service::Service;
use crate::local::{StateDir, life};

/// The database's name among the services.
pub const DATABASE: &str = "Postgres";

/// The coordinator's name among the services.
pub const COORDINATOR: &str = "coordinator";

/// A worker's name among the services is this and its own.
pub const WORKER_PREFIX: &str = "worker ";

/// Shared between the command and the task that looks after its processes.
#[derive(Debug, Clone)]
pub struct Parts(Arc<Mutex<Held>>);

/// What is held.
#[derive(Debug)]
pub struct Held {
    /// What this command started.
    pub services: Vec<Service>,
    /// Whether that outlives this command.
    pub lifetime: Lifetime,
    owner: Option<File>,
}

impl Held {
    /// One of the services.
    pub fn service(&mut self, name: &str) -> Option<&mut Service> {
        self.services.iter_mut().find(|service| service.name == name)
    }
}

impl Parts {
    /// Nothing yet.
    #[must_use]
    pub fn new(lifetime: Lifetime) -> Self {
        Self(Arc::new(Mutex::new(Held { services: Vec::new(), lifetime, owner: None })))
    }

    /// What is held, for a moment: not to be kept over an `await`.
    pub fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a process and writes it down at once, so that it is found even if this command dies on the spot.
    ///
    /// # Errors
    /// When the record cannot be written; the process is held all the same.
    pub fn add(&self, service: Service, record: &mut Record, state: &StateDir) -> Result<(), Failure> {
        note(record, &service);
        self.lock().services.push(service);
        record.save(state)
    }

    /// Brings a record up to date.
    pub fn note_all(&self, record: &mut Record) {
        self.lock().services.iter().for_each(|service| note(record, service));
    }

    /// Makes this command the one that the stack ends with, if there is no other; whether it is.
    ///
    /// # Errors
    /// When the lock cannot be made.
    pub fn claim(&self, state: &StateDir) -> Result<bool, Failure> {
        let mut held = self.lock();
        if held.owner.is_none() {
            held.owner = life::try_take(&record::owner(state))?;
        }
        Ok(held.owner.is_some())
    }

    /// The stack ends with no command.
    pub fn disown(&self) {
        self.lock().owner = None;
    }

    /// Whether the stack ends with this command.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.lock().owner.is_some()
    }

    /// The names of what this command started.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.lock().services.iter().map(|service| service.name.clone()).collect()
    }

    /// The processes that this command started and that run now.
    #[must_use]
    pub fn processes(&self) -> Vec<ProcessId> {
        self.lock().services.iter().filter_map(Service::process).collect()
    }
}

fn note(record: &mut Record, service: &Service) {
    let Some(process) = service.process() else { return };
    if service.name == DATABASE {
        record.database = Some(process);
    } else if service.name == COORDINATOR {
        record.coordinator = Some(process);
    } else if let Some(name) = service.name.strip_prefix(WORKER_PREFIX) {
        record.workers.retain(|(other, _)| other != name);
        record.workers.push((name.to_owned(), process));
    }
}
