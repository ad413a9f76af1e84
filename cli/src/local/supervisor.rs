//! Looks after a stack while a command uses it: what the command started is started again when it ends, and what it only
//! found is taken over when nobody else looks after it any more.

use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use crate::failure::Failure;
use crate::local::options::StackOptions;
use crate::local::parts::{COORDINATOR, DATABASE, Parts, WORKER_PREFIX};
use crate::local::record::{self, Record};
use crate::local::service::{Event, Service};
use crate::local::{StateDir, assemble, life, lock, postgres};
use crate::talk::Talk;

/// How often the command's own processes are looked after.
const TEND: Duration = Duration::from_millis(25);

/// How often what others started is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// So many looks in a row must miss a part before it is mended: whoever started it may be quicker.
const LOOKS: u32 = 4;

/// So many attempts to mend may fail in a row.
const ATTEMPTS: u32 = 4;

/// What it takes to look after a stack.
pub struct Supervisor {
    /// Where it lives.
    pub state: StateDir,
    /// What it should have.
    pub options: StackOptions,
    /// How much is said.
    pub talk: Talk,
    /// What this command started.
    pub parts: Parts,
}

impl Supervisor {
    /// Does so until nobody hears of it any more, or the stack is stopped on purpose.
    pub async fn run(self, events: UnboundedSender<Event>) {
        let (mut looked, mut missed, mut failed) = (Instant::now(), 0, 0);
        loop {
            if self.state.is_stopped() {
                let _ = events.send(Event::GaveUp(
                    Failure::failed("the local stack was stopped by another command")
                        .hint("start it again with: batchsweep up"),
                ));
                return;
            }
            let (happened, changed) = self.tend_all();
            if changed {
                self.note_processes();
            }
            if happened.into_iter().any(|event| events.send(event).is_err()) {
                return;
            }
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                missed = match self.missing() {
                    Missing::Nothing => 0,
                    Missing::APart => missed + 1,
                    Missing::Everything => LOOKS,
                };
                if missed >= LOOKS {
                    missed = 0;
                    let event = match self.mend().await {
                        Ok(()) => {
                            failed = 0;
                            Event::Restarted(
                                "parts of the local stack were gone; they are started again".to_owned(),
                            )
                        }
                        Err(_) if failed + 1 < ATTEMPTS => {
                            failed += 1;
                            continue;
                        }
                        Err(failure) => Event::GaveUp(failure),
                    };
                    if events.send(event).is_err() {
                        return;
                    }
                }
            }
            tokio::time::sleep(TEND).await;
        }
    }

    fn tend_all(&self) -> (Vec<Event>, bool) {
        let services = &mut self.parts.lock().services;
        let before: Vec<_> = services.iter().map(Service::process).collect();
        let now = Instant::now();
        let happened = services.iter_mut().filter_map(|service| service.tend(now)).collect();
        let changed = services.iter().map(Service::process).ne(before);
        (happened, changed)
    }

    /// After a restart the record names the new processes.
    fn note_processes(&self) {
        let mut record = Record::load(&self.state);
        self.parts.note_all(&mut record);
        // The next round tries again; a record that is not up to date only makes `status` less precise.
        let _ = record.save(&self.state);
    }

    /// What neither runs nor is one of this command's own.
    fn missing(&self) -> Missing {
        let own = self.parts.names();
        let is_own = |name: &str| own.iter().any(|own| own == name);
        let record = Record::load(&self.state);
        let has_owner = self.parts.is_owner() || life::is_held(&record::owner(&self.state));
        let has_core = has_owner
            || (is_own(COORDINATOR) || record.coordinator.is_some())
                && (is_own(DATABASE) || postgres::running(&self.state).is_some());
        if !has_core && !record.stays {
            return Missing::Everything;
        }
        let has_workers = self.options.workers.is_none()
            || own.iter().any(|own| own.starts_with(WORKER_PREFIX))
            || (!record.workers.is_empty() && record.lost.is_empty());
        if has_core && has_workers { Missing::Nothing } else { Missing::APart }
    }

    async fn mend(&self) -> Result<(), Failure> {
        let _change = lock::change(&self.state, self.talk).await?;
        assemble::whole_stack(&self.state, &self.options, self.talk, &self.parts).await?;
        Ok(())
    }
}

enum Missing {
    Nothing,
    APart,
    Everything,
}
