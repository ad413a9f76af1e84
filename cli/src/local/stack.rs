//! All of it: what runs is used, what does not is started, what was started is watched and stopped again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::failure::Failure;
use crate::local::lock::{self, Lock};
use crate::local::options::{Lifetime, StackOptions};
use crate::local::record::Record;
use crate::local::service::{Event, Service};
use crate::local::starter::{COORDINATOR_NAME, Starter, WORKER_PREFIX};
use crate::local::{StateDir, postgres};
use crate::talk::Talk;

/// How often the services are looked after.
const TEND: Duration = Duration::from_millis(25);

/// A running stack, and the part of it that this command started.
#[derive(Debug)]
pub struct Stack {
    state: StateDir,
    talk: Talk,
    url: String,
    page: String,
    ours: Services,
    started_coordinator: bool,
    lifetime: Lifetime,
    in_use: Lock,
    supervisor: Option<JoinHandle<()>>,
}

type Services = Arc<Mutex<Vec<Service>>>;

impl Stack {
    /// Starts what does not run.
    ///
    /// # Errors
    /// When a part cannot be found or does not start; what was started ends again.
    pub async fn start(state: &StateDir, options: &StackOptions, talk: Talk) -> Result<Self, Failure> {
        state.create()?;
        let _change = lock::change(state, talk).await?;
        Self::start_locked(state, options, talk).await
    }

    /// The same for a caller that holds [`lock::change`].
    ///
    /// # Errors
    /// As [`Stack::start`].
    pub async fn start_locked(state: &StateDir, options: &StackOptions, talk: Talk) -> Result<Self, Failure> {
        let in_use = lock::using(state, talk).await?;
        let mut record = Record::load(state);
        // A part missing from a stack of `up` is mended, and stays with the rest.
        let lifetime = if record.stays && !record.is_empty() { Lifetime::Stays } else { options.lifetime };
        let starter = Starter { state, lifetime, talk };
        let mut ours = Vec::new();
        let started_coordinator = record.coordinator.is_none();
        let started = starter.all(options, &mut record, &mut ours).await;
        let ours = Arc::new(Mutex::new(ours));
        if let Err(failure) = started {
            stop_services(state, &ours, None, Duration::from_secs(2)).await?;
            return Err(failure);
        }
        record.stays = lifetime == Lifetime::Stays;
        record.save(state)?;
        let stack = Self {
            state: state.clone(),
            talk,
            url: record.url,
            page: record.page,
            ours,
            started_coordinator,
            lifetime,
            in_use,
            supervisor: None,
        };
        Ok(stack)
    }

    /// Where the coordinator listens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where its web page is; empty where there is none.
    #[must_use]
    pub fn page(&self) -> &str {
        &self.page
    }

    /// Whether nobody else could have been using the coordinator: this command started it.
    #[must_use]
    pub fn started_coordinator(&self) -> bool {
        self.started_coordinator
    }

    /// What this command started, by name.
    #[must_use]
    pub fn started(&self) -> Vec<String> {
        locked(&self.ours).iter().map(|service| service.name.clone()).collect()
    }

    /// Whether everything that was started still runs.
    ///
    /// # Errors
    /// Names what has ended, with its last words.
    pub fn check(&self) -> Result<(), Failure> {
        let mut services = locked(&self.ours);
        let ended =
            services.iter_mut().find_map(|service| service.ended().map(|status| service.cannot_run(status)));
        ended.map_or(Ok(()), Err)
    }

    /// Looks after what was started, until [`Stack::stop`]; tells what became of it.
    pub fn supervise(&mut self) -> mpsc::UnboundedReceiver<Event> {
        let (sender, events) = mpsc::unbounded_channel();
        let (services, state) = (Arc::clone(&self.ours), self.state.clone());
        self.supervisor = Some(tokio::spawn(async move {
            loop {
                let (told, changed) = tend_all(&services);
                if changed {
                    note_processes(&services, &state);
                }
                if told.into_iter().any(|event| sender.send(event).is_err()) {
                    return;
                }
                tokio::time::sleep(TEND).await;
            }
        }));
        events
    }

    /// Stops what this command started. Others that still use it are waited for.
    ///
    /// # Errors
    /// When a lock or the record cannot be written.
    pub async fn stop(self) -> Result<(), Failure> {
        if self.lifetime == Lifetime::Stays || locked(&self.ours).is_empty() {
            return Ok(());
        }
        // Those who come now wait, and start their own; those who are there finish. Until then it is looked after.
        let _change = lock::change(&self.state, self.talk).await?;
        drop(self.in_use);
        let _unused = lock::unused(&self.state, self.talk).await?;
        stop_services(&self.state, &self.ours, self.supervisor, Duration::from_secs(15)).await
    }

    /// The same at once, whoever uses it.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub async fn stop_now(self) -> Result<(), Failure> {
        if self.lifetime == Lifetime::Stays {
            return Ok(());
        }
        stop_services(&self.state, &self.ours, self.supervisor, Duration::from_secs(2)).await
    }
}

/// Stops everything in the state folder, whoever started it; whether there was anything.
///
/// # Errors
/// When a process does not end, or the record cannot be written.
pub async fn stop_everything(state: &StateDir, talk: Talk) -> Result<bool, Failure> {
    if !state.path().exists() {
        return Ok(false);
    }
    let _change = lock::change(state, talk).await?;
    let record = Record::load(state);
    let database = postgres::running(state);
    let any = !record.is_empty() || database.is_some();
    let workers = record.workers.iter().map(|(_, process)| *process);
    let clients: Vec<_> = workers.chain(record.coordinator).collect();
    clients.iter().for_each(|process| process.signal(Signal::SIGTERM));
    for process in clients {
        if !process.ended_within(Duration::from_secs(15)).await {
            process.signal(Signal::SIGKILL);
            process.ended_within(Duration::from_secs(5)).await;
        }
    }
    if let Some(server) = database {
        server.process.signal(postgres::stop_signal());
        if !server.process.ended_within(Duration::from_secs(60)).await {
            return Err(Failure::failed(format!("Postgres (process {}) does not stop", server.process.pid))
                .hint(format!("its log is {}", state.log("postgres").display())));
        }
    }
    Record::default().save(state)?;
    Ok(any)
}

async fn stop_services(
    state: &StateDir,
    ours: &Services,
    supervisor: Option<JoinHandle<()>>,
    patience: Duration,
) -> Result<(), Failure> {
    if let Some(supervisor) = supervisor {
        supervisor.abort();
        // Aborted between two rounds: nothing is started any more.
        let _ = supervisor.await;
    }
    let mut services = std::mem::take(&mut *locked(ours));
    // Workers and coordinator at once, then the database under them.
    let (mut database, mut clients): (Vec<_>, Vec<_>) =
        services.drain(..).partition(|service| service.stop_signal == postgres::stop_signal());
    clients.iter_mut().for_each(Service::ask_to_stop);
    for service in &mut clients {
        service.stopped(patience).await;
    }
    for service in &mut database {
        service.ask_to_stop();
        service.stopped(Duration::from_secs(60)).await;
    }
    Record::load(state).save(state)
}

fn tend_all(services: &Services) -> (Vec<Event>, bool) {
    let mut services = locked(services);
    let before: Vec<_> = services.iter().map(Service::process).collect();
    let now = Instant::now();
    let told = services.iter_mut().filter_map(|service| service.tend(now)).collect();
    let changed = services.iter().map(Service::process).ne(before);
    (told, changed)
}

/// After a restart the record names the new processes.
fn note_processes(services: &Services, state: &StateDir) {
    let mut record = Record::load(state);
    for service in locked(services).iter() {
        let Some(process) = service.process() else { continue };
        if service.name == COORDINATOR_NAME {
            record.coordinator = Some(process);
        } else if let Some(name) = service.name.strip_prefix(WORKER_PREFIX) {
            record.workers.retain(|(other, _)| other != name);
            record.workers.push((name.to_owned(), process));
        }
    }
    // The next round tries again; a record that is not up to date only makes `status` less precise.
    let _ = record.save(state);
}

fn locked(services: &Services) -> std::sync::MutexGuard<'_, Vec<Service>> {
    services.lock().unwrap_or_else(PoisonError::into_inner)
}
