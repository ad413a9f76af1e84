//! All of it: what runs is used, what does not is started, what was started is watched and stopped again.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::failure::Failure;
use crate::local::lock::{self, Lock};
use crate::local::options::{Lifetime, StackOptions};
use crate::local::parts::Parts;
use crate::local::service::Event;
use crate::local::supervisor::Supervisor;
use crate::local::{StateDir, assemble, stopping};
use crate::talk::Talk;

/// A running stack, and the part of it that this command started.
#[derive(Debug)]
pub struct Stack {
    state: StateDir,
    options: StackOptions,
    talk: Talk,
    url: String,
    page: String,
    parts: Parts,
    started_coordinator: bool,
    in_use: Lock,
    supervisor: Option<JoinHandle<()>>,
}

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
        state.set_stopped(false)?;
        let parts = Parts::new(options.lifetime);
        let (record, started_coordinator) = match assemble::whole_stack(state, options, talk, &parts).await {
            Ok(started) => started,
            Err(failure) => {
                stopping::services(state, &parts, None, Duration::from_secs(2)).await?;
                return Err(failure);
            }
        };
        Ok(Self {
            state: state.clone(),
            options: options.clone(),
            talk,
            url: record.url,
            page: record.page,
            parts,
            started_coordinator,
            in_use,
            supervisor: None,
        })
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
        self.parts.names()
    }

    /// Whether everything that was started still runs.
    ///
    /// # Errors
    /// Names what has ended, with its last words.
    pub fn check(&self) -> Result<(), Failure> {
        let services = &mut self.parts.lock().services;
        let ended =
            services.iter_mut().find_map(|service| service.ended().map(|status| service.cannot_run(status)));
        ended.map_or(Ok(()), Err)
    }

    /// Looks after the stack, until [`Stack::stop`], and reports what became of it.
    pub fn supervise(&mut self) -> mpsc::UnboundedReceiver<Event> {
        let (sender, events) = mpsc::unbounded_channel();
        let supervisor = Supervisor {
            state: self.state.clone(),
            options: self.options.clone(),
            talk: self.talk,
            parts: self.parts.clone(),
        };
        self.supervisor = Some(tokio::spawn(supervisor.run(sender)));
        events
    }

    /// Stops what this command started. Others that still use the coordinator are waited for.
    ///
    /// # Errors
    /// When a lock or the record cannot be written.
    pub async fn stop(self) -> Result<(), Failure> {
        const PATIENCE: Duration = Duration::from_secs(15);
        if !self.has_parts() {
            return Ok(());
        }
        if !self.parts.is_owner() {
            // Only workers; whoever still needs some starts them.
            return stopping::services(&self.state, &self.parts, self.supervisor, PATIENCE).await;
        }
        // Those who come now wait, and start their own; those who are there finish. Until then it is looked after.
        let _change = lock::change(&self.state, self.talk).await?;
        drop(self.in_use);
        let _unused = lock::unused(&self.state, self.talk).await?;
        stopping::services(&self.state, &self.parts, self.supervisor, PATIENCE).await
    }

    /// The same at once, whoever uses it: they start their own.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub async fn stop_now(self) -> Result<(), Failure> {
        const PATIENCE: Duration = Duration::from_secs(2);
        if !self.has_parts() {
            return Ok(());
        }
        // Nobody is to start parts of it meanwhile; but another command may hold this for as long as it likes.
        let _change = tokio::time::timeout(PATIENCE, lock::change(&self.state, Talk::Quiet)).await;
        stopping::services(&self.state, &self.parts, self.supervisor, PATIENCE).await
    }

    /// Whether something ends with this command.
    fn has_parts(&self) -> bool {
        let held = self.parts.lock();
        held.lifetime == Lifetime::WithUs && !held.services.is_empty()
    }
}
