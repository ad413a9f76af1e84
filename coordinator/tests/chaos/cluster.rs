//! A whole cluster at work: Postgres, two coordinators behind a proxy, four workers; and what is done to it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use proto::v1::sweep_service_client::SweepServiceClient;
use proto::{Wire, v1};
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

use crate::database::{Database, Fence};
use crate::fleet::{Fleet, LEASE, signal};
use crate::oracle::{Fate, Oracle};
use crate::plan::{Fault, Strike, Who};
use crate::postgres::{self, Postgres};
use crate::proxy::Proxy;
use crate::trainer;
use crate::work::Work;

/// How often the cluster is looked at.
const TICK: Duration = Duration::from_millis(50);

/// How often all rules are looked at: that reads everything.
const LOOK: Duration = Duration::from_millis(500);

/// Longer than a lease.
const STOPPED: Duration = LEASE.saturating_add(Duration::from_secs(2));

/// A zombie that nobody overtakes by then goes on all the same.
const ZOMBIE_PATIENCE: Duration = Duration::from_secs(25);

/// What a worker says when it hears that its attempt is over.
pub const STALE: &str = "the lease is lost";

/// What was found to be wrong.
pub type Broken = Vec<String>;

pub struct Cluster {
    pub oracle: Oracle,
    pub proxy: Proxy,
    pub database: Database,
    pub fleet: Fleet,
    /// The faults that happened, but for those on connections.
    pub fired: Vec<Fault>,
    pub submitted: u64,
    /// How often no rule was found broken.
    pub looks: usize,
    postgres: Postgres,
    work: Work,
    sweeps: SweepServiceClient<Channel>,
    /// The submission that was not answered yet, if any.
    submission: Option<v1::CreateSweepRequest>,
    next_look: Instant,
}

impl Cluster {
    pub async fn start(folder: &Path, work: Work, fence: Fence) -> Self {
        let postgres = Postgres::create(folder).await;
        let database = Database::start(folder, postgres.socket(), fence);
        let proxy = Proxy::start(2).await;
        let trainer: Option<PathBuf> = (work == Work::Numbers).then(|| trainer::script(folder));
        let fleet =
            Fleet::new(folder, proxy.clone(), &postgres::url(database.socket()), 2, 4, trainer.as_deref());
        let channel =
            Endpoint::from_shared(proxy.url()).unwrap().timeout(Duration::from_secs(1)).connect_lazy();
        Self {
            oracle: Oracle::new(&postgres::url(postgres.socket())),
            proxy,
            database,
            fleet,
            fired: Vec::new(),
            submitted: 0,
            looks: 0,
            postgres,
            work,
            sweeps: SweepServiceClient::new(channel),
            submission: None,
            next_look: Instant::now(),
        }
    }

    /// Keeps everything running, and looks whether a rule is broken.
    pub async fn tend(&mut self) -> Result<(), Broken> {
        self.postgres.tend();
        self.fleet.tend();
        if Instant::now() >= self.next_look {
            let started = Instant::now();
            match self.oracle.broken().await {
                Some(broken) if !broken.is_empty() => return Err(broken),
                Some(_) => self.looks += 1,
                None => {}
            }
            // It reads all that is stored: the more that is, the rarer it gets, or nobody would be hit in time any more.
            self.next_look = Instant::now() + LOOK.max(4 * started.elapsed());
        }
        tokio::time::sleep(TICK).await;
        Ok(())
    }

    /// The same, and sees to it that there is enough to do.
    pub async fn tend_and_submit(&mut self) -> Result<(), Broken> {
        let waiting = self.oracle.count(&["undecided", "pending"]).await;
        if waiting.is_some_and(|waiting| waiting < 4) || self.submission.is_some() {
            self.submit().await;
        }
        self.tend().await
    }

    /// Submits further trials. Without an answer it is the same submission that is sent again, and makes one sweep.
    pub async fn submit(&mut self) {
        let (work, submitted) = (self.work, self.submitted);
        let request = self.submission.get_or_insert_with(|| v1::CreateSweepRequest {
            request_id: Uuid::new_v4().to_string(),
            spec: Some(work.draft(submitted).to_wire()),
            ..v1::CreateSweepRequest::default()
        });
        if self.sweeps.create_sweep(request.clone()).await.is_ok() {
            self.submission = None;
            self.submitted += work.trials();
        }
    }

    /// Whether everything that was submitted has ended, and every fault has happened.
    pub async fn is_done(&mut self) -> bool {
        if self.proxy.owed() + self.database.owed() > 0 {
            return false;
        }
        if self.submission.is_some() {
            self.submit().await;
        }
        let (open, ended) = (
            self.oracle.count(&["undecided", "pending", "running", "skipped"]).await,
            self.oracle.count(&["failed", "cancelled"]).await,
        );
        match (open, ended, &self.submission) {
            (Some(0), Some(0), None) => return true,
            // Three deaths of its workers are a trial's end; somebody who knows why asks for another try.
            (Some(0), Some(1..), _) => self.retry().await,
            _ => {}
        }
        false
    }

    async fn retry(&mut self) {
        let Ok(list) = self.sweeps.list_sweeps(v1::ListSweepsRequest::default()).await else { return };
        for sweep in list.into_inner().sweeps {
            // Without an answer it is asked for again at the next look.
            let _ = self.sweeps.retry_sweep(v1::RetrySweepRequest { sweep: sweep.sweep_id }).await;
        }
    }

    /// Causes a fault; false where nobody is there to be hit at this moment.
    pub async fn cause(&mut self, strike: Strike) -> Result<bool, Broken> {
        let Strike { fault, choice, .. } = strike;
        let done = match fault {
            Fault::Kill(who) => self.fleet.signal(who, choice, Signal::SIGKILL),
            Fault::Terminate(who) => self.fleet.signal(who, choice, Signal::SIGTERM),
            Fault::HangUp(who) => self.fleet.signal(who, choice, Signal::SIGHUP),
            Fault::Replace(who) => self.fleet.replace(who),
            Fault::Stop(who) => self.fleet.stop(who, choice, STOPPED),
            Fault::Hang => self.fleet.stop(Who::Trainer, choice, STOPPED * 4),
            Fault::Zombie => self.make_zombie(choice).await?,
            Fault::KillPostgres => self.postgres.kill(),
            Fault::Lose(cut) => {
                // It counts when it happens.
                self.proxy.arm(cut);
                return Ok(true);
            }
            Fault::LoseCommit => {
                self.database.arm();
                return Ok(true);
            }
        };
        if done {
            self.fired.push(fault);
        }
        Ok(done)
    }

    /// Stops a worker in the middle of a trial, lets it go on when another one is well into the same trial, and waits for
    /// it to hear that it is too late. Whether it came to that.
    async fn make_zombie(&mut self, choice: u64) -> Result<bool, Broken> {
        let holders = self.oracle.holders().await;
        let holders: Vec<_> =
            holders.iter().filter_map(|holder| Some((holder, self.fleet.worker(&holder.worker)?))).collect();
        let Some(index) = choice.checked_rem(holders.len() as u64) else { return Ok(false) };
        let (holder, pid) = holders[usize::try_from(index).unwrap()];
        let stale_before = self.fleet.workers_said(STALE);
        if !self.fleet.stop_process(pid, ZOMBIE_PATIENCE) {
            return Ok(false);
        }
        let started = Instant::now();
        let mut fate = Fate::Unknown;
        // It gets calm: trials end, none are submitted, and no lease is spared for an outage's sake.
        while fate == Fate::Unknown && started.elapsed() < ZOMBIE_PATIENCE {
            self.tend().await?;
            fate = self.oracle.fate(holder).await;
        }
        signal(pid, Signal::SIGCONT);
        let back = Instant::now();
        while fate == Fate::Overtaken && back.elapsed() < ZOMBIE_PATIENCE {
            if self.fleet.workers_said(STALE) > stale_before {
                return Ok(true);
            }
            self.tend().await?;
        }
        Ok(false)
    }

    /// Ends all of it.
    pub async fn end(self) {
        drop(self.fleet);
        self.postgres.end().await;
    }
}
