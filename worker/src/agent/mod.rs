//! The agent: takes trials from a coordinator, has a trainer process train them, and reports.
//!
//! It never links the training loop to its heartbeats. A trainer that crashes, hangs or is killed ends one attempt
//! of one trial; a coordinator that is away for a while ends nothing: the trainer trains on and the records wait.
//!
//! - [`config`]: what the command line says,
//! - [`coordinator`]: calls that are tried again until they are answered,
//! - [`heartbeat`]: renews the lease, and hears what the coordinator wants of it,
//! - [`spool`]: keeps what an attempt tells on the disk until the coordinator has it,
//! - [`uplink`]: brings the records of one attempt to the coordinator, each once,
//! - [`hand_in`]: tells it how the attempt ended,
//! - [`findings`]: brings what an attempt found out and others can use,
//! - [`checkpoint`]: keeps the state of trials, for later attempts to go on from,
//! - [`uploads`]: brings the files that were sent along with a sweep,
//! - [`breaker`]: pauses a worker on which trial after trial fails,
//! - [`trainer_process`]: the child process; [`watchdog`]: whether it hangs,
//! - [`attempt`]: one leased trial, from its claim to its [`end`],
//! - [`slots`]: several devices in one worker,
//! - [`metrics`] and [`monitor`]: for operators.

pub mod attempt;
pub mod breaker;
pub mod checkpoint;
pub mod config;
pub mod coordinator;
mod end;
pub mod findings;
pub mod hand_in;
pub mod heartbeat;
pub mod metrics;
pub mod monitor;
pub mod slots;
pub mod spool;
pub mod trainer_process;
pub mod uplink;
pub mod uploads;
pub mod watchdog;

use std::path::PathBuf;
use std::time::Duration;

use proto::connection::CredentialError;
use proto::{PROTOCOL_VERSION, Reason, v1};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use uuid::Uuid;

pub use config::AgentConfig;

use attempt::Attempt;
use breaker::Breaker;
use checkpoint::store::CheckpointStore;
use checkpoint::{Checkpointing, scratch};
use coordinator::{Coordinator, Retry};
use heartbeat::Heartbeat;
use spool::Spool;
use spool::file::{LeftBehind, SpoolFile};
use spool::replay::Replay;
use trainer_process::{Host, TrainerProcess};
use uploads::Uploads;

/// How long one claim waits at the coordinator for a trial.
const CLAIM_WAIT: Duration = Duration::from_secs(20);

/// Why an agent ends other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The spool's folder cannot be used.
    #[error("the spool's folder {folder} cannot be written: {problem}; name another one with --spool-dir")]
    Spool {
        /// Which folder.
        folder: String,
        /// What is wrong.
        problem: std::io::Error,
    },
    /// The store of checkpoints cannot be used.
    #[error(
        "the checkpoint store {place} cannot be used: {problem}; name another one with --checkpoint-store"
    )]
    CheckpointStore {
        /// Which store.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// The trainer could not be started on this device.
    #[error("the trainer did not start: {0}")]
    Trainer(String),
    /// The address, a token's file or a certificate cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// The coordinator is not to be trusted, or does not trust this worker.
    #[error("no coordinator at {address}: {problem}")]
    Connection {
        /// Which coordinator.
        address: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// The coordinator refused the worker.
    #[error("the coordinator at {address} refused this worker: {message}")]
    Refused {
        /// Which coordinator.
        address: String,
        /// What it said.
        message: String,
    },
}

/// What the outside may want of a running agent.
#[derive(Debug, Clone)]
pub struct Wishes {
    /// Fires when it is to stop.
    pub shutdown: CancellationToken,
    /// Changes when the trial in progress is to be saved now.
    pub save: watch::Receiver<()>,
}

/// Trains trials until it is to stop; then saves the current one, gives it back and returns.
///
/// # Errors
/// [`AgentError`] when the trainer cannot start, or the coordinator refuses the worker: none of these would pass by
/// itself. A coordinator that is out of reach is waited for.
pub async fn run(config: AgentConfig, wishes: Wishes) -> Result<(), AgentError> {
    let Wishes { shutdown, mut save } = wishes;
    // Files are looked at before a device is taken.
    let config = AgentConfig { name: Some(config.name()), ..config };
    let coordinator = Coordinator::new(&config.coordinator, &config.credentials()?)?;
    let folder = config.spool_dir();
    let spool = Spool::open(&folder, &config.name(), config.spool_limit.0)
        .map_err(|problem| AgentError::Spool { folder: folder.display().to_string(), problem })?;
    scratch::remove_left_behind(&folder);
    let checkpointing = checkpointing(&config, folder).await?;
    let mut trainer = TrainerProcess::start(&config, Host::Native).await.map_err(AgentError::Trainer)?;
    tracing::info!(
        device = trainer.device().name,
        description = trainer.device().description,
        "trainer is ready"
    );
    metrics::METRICS.device_is_ready(trainer.device());
    let left = spool.left_behind();
    let device = trainer.device().clone();
    let Some(registered) = register(&config, &coordinator, device, &left, &shutdown).await? else {
        return Ok(());
    };
    let mut heartbeat =
        Heartbeat::start(coordinator.clone(), registered.clone(), checkpointing.store.clone());
    let replay =
        Replay { coordinator: &coordinator, heartbeat: &heartbeat, checkpoints: &checkpointing.store };
    replay.hand_in(left, &registered.held, &shutdown).await;

    let uploads = Uploads::new(config.upload_dir(), config.upload_limit.0);
    let mut breaker = Breaker::default();
    while let Some(leased) = claim(&coordinator, &registered, &shutdown).await? {
        let attempt = Attempt {
            coordinator: &coordinator,
            heartbeat: &mut heartbeat,
            spool: &spool,
            trainer_timeout: config.trainer_timeout,
            checkpointing: &checkpointing,
            uploads: &uploads,
            save: &mut save,
            shutdown: &shutdown,
        };
        let trial = leased.lease.as_ref().map(|lease| lease.trial_id.clone()).unwrap_or_default();
        let host = leased.spec.as_ref().map_or(Host::Native, Host::of);
        if trainer.host() != host {
            // One after the other: each takes memory of the device.
            trainer.stop().await;
            trainer = TrainerProcess::start(&config, host).await.map_err(AgentError::Trainer)?;
        }
        let went = attempt.run(&mut trainer, leased).await;
        if trainer.is_gone() && !shutdown.is_cancelled() {
            trainer = TrainerProcess::start(&config, host).await.map_err(AgentError::Trainer)?;
        }
        if let Some(pause) = breaker.ended(&trial, went) {
            tracing::warn!("{}", breaker.message());
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }
    trainer.stop().await;
    Ok(())
}

/// How this agent saves trials; files on their way are beside its spool files.
async fn checkpointing(config: &AgentConfig, scratch: PathBuf) -> Result<Checkpointing, AgentError> {
    let place = config.checkpoint_store();
    let store = CheckpointStore::open(&place)
        .await
        .map_err(|problem| AgentError::CheckpointStore { place: place.clone(), problem })?;
    let interval = Some(config.checkpoint_interval).filter(|interval| !interval.is_zero());
    Ok(Checkpointing { store, scratch, interval, every_steps: config.checkpoint_steps })
}

/// A worker as the coordinator knows it.
#[derive(Debug, Clone)]
pub struct Registered {
    /// For every later call.
    pub worker_id: String,
    /// Of this process.
    pub instance_id: String,
    /// How often to send a heartbeat.
    pub heartbeat_interval: Duration,
    /// What became of the leases that it showed, in their order.
    pub held: Vec<v1::HeldState>,
}

/// Registers, waiting for the coordinator as long as it takes. `None` when `shutdown` came first.
async fn register(
    config: &AgentConfig,
    coordinator: &Coordinator,
    device: v1::Device,
    left: &[(SpoolFile, LeftBehind)],
    shutdown: &CancellationToken,
) -> Result<Option<Registered>, AgentError> {
    let instance_id = Uuid::now_v7().to_string();
    let request = v1::RegisterWorkerRequest {
        name: config.name(),
        instance_id: instance_id.clone(),
        protocol_version: PROTOCOL_VERSION,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        device: Some(device),
        held: left.iter().map(|(_, left)| left.lease.clone()).collect(),
        allows_code: config.allow_code,
    };
    let call = coordinator.call(Retry::UntilTrusted, Duration::from_secs(10), |mut client| {
        let request = request.clone();
        async move { client.register_worker(request).await }
    });
    let response = tokio::select! {
        response = call => response.map_err(|status| refused(config, &status))?,
        () = shutdown.cancelled() => return Ok(None),
    };
    tracing::info!(name = request.name, worker_id = response.worker_id, "registered");
    let heartbeat_interval = duration(response.heartbeat_interval).unwrap_or(Duration::from_secs(5));
    let held = response.held().collect();
    Ok(Some(Registered { worker_id: response.worker_id, instance_id, heartbeat_interval, held }))
}

/// The next trial. `None` when `shutdown` came first.
///
/// A claim that was sent is always heard out, or asked for again by its id: a lost answer must not strand a trial.
async fn claim(
    coordinator: &Coordinator,
    registered: &Registered,
    shutdown: &CancellationToken,
) -> Result<Option<v1::LeasedTrial>, AgentError> {
    while !shutdown.is_cancelled() {
        let request = v1::ClaimTrialsRequest {
            worker_id: registered.worker_id.clone(),
            instance_id: registered.instance_id.clone(),
            request_id: Uuid::now_v7().to_string(),
            max_trials: 1,
            wait: prost_types::Duration::try_from(CLAIM_WAIT).ok(),
        };
        let call =
            coordinator.call(Retry::UntilAnswered, CLAIM_WAIT + Duration::from_secs(10), |mut client| {
                let request = request.clone();
                async move { client.claim_trials(request).await }
            });
        let response = tokio::select! {
            response = call => response,
            // Whatever this claim may still be given expires with its lease, or at once when this name registers again.
            () = shutdown.cancelled() => return Ok(None),
        };
        match response {
            Ok(mut response) => {
                if let Some(leased) = response.trials.pop() {
                    return Ok(Some(leased));
                }
            }
            Err(status) => {
                let message = status.message().replace("\nhint: ", "; ");
                return Err(AgentError::Refused { address: coordinator.address().to_owned(), message });
            }
        }
    }
    Ok(None)
}

fn refused(config: &AgentConfig, status: &Status) -> AgentError {
    let address = config.coordinator.clone();
    let mut message = status.message().replace("\nhint: ", "; ");
    if Reason::of(status).is_none() {
        return AgentError::Connection { address, problem: message };
    }
    if Reason::of(status) == Some(Reason::TokenMissing) {
        message.push_str("; give a token with scope work with --token-file");
    }
    AgentError::Refused { address, message }
}

fn duration(message: Option<prost_types::Duration>) -> Option<Duration> {
    message.and_then(|duration| Duration::try_from(duration).ok()).filter(|duration| !duration.is_zero())
}
