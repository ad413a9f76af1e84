//! What the agent's command line says.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use domain::units::{Bytes, ParseTimeSpanError, TimeSpan};
use proto::connection::{CredentialError, CredentialFiles, Credentials};
use storage::place::state_folder;

/// Settings of one worker.
#[derive(Debug, Clone, Args)]
pub struct AgentConfig {
    /// The coordinator's address
    #[arg(long, env = "BATCHSWEEP_COORDINATOR", value_name = "URL", default_value = "http://127.0.0.1:7070")]
    pub coordinator: String,

    /// A file with the token to show the coordinator; it needs scope work
    #[arg(long, env = "BATCHSWEEP_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,

    /// Certificates of the CAs that may vouch for the coordinator [default: the system's]
    #[arg(long, env = "BATCHSWEEP_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,

    /// A certificate to show the coordinator, where it asks for one
    #[arg(long, env = "BATCHSWEEP_CLIENT_CERT", value_name = "FILE", requires = "client_key")]
    pub client_cert: Option<PathBuf>,

    /// That certificate's key
    #[arg(long, env = "BATCHSWEEP_CLIENT_KEY", value_name = "FILE", requires = "client_cert")]
    pub client_key: Option<PathBuf>,

    /// A name for this worker, unique among living ones; the same name again replaces the earlier process
    /// [default: the host's name and a few random letters]
    #[arg(long, env = "BATCHSWEEP_WORKER_NAME", value_name = "NAME")]
    pub name: Option<String>,

    /// Where to train: cpu, cuda:0, cuda:1, ..., or cuda for every GPU, each with a trainer of its own
    #[arg(long, env = "BATCHSWEEP_DEVICE", value_name = "DEVICE", default_value = "cpu")]
    pub device: String,

    /// Never take more device memory than this, whatever a sweep asks for
    #[arg(long, env = "BATCHSWEEP_MEMORY_LIMIT", value_name = "SIZE")]
    pub memory_limit: Option<Bytes>,

    /// CPU threads to compute with [default: one for each core]
    #[arg(long, env = "BATCHSWEEP_THREADS", value_name = "N")]
    pub threads: Option<u32>,

    /// Run code of users, as models of kind torchscript and python are: with this worker's rights, and for whoever may submit. Without
    /// it such trials wait for another worker
    #[arg(long, env = "BATCHSWEEP_ALLOW_CODE", value_parser = clap::builder::FalseyValueParser::new())]
    pub allow_code: bool,

    /// The Python interpreter for models of kind python, which must have the torch that this worker was built for
    /// [default: bin/python of $VIRTUAL_ENV, else python3]
    #[arg(long, env = "BATCHSWEEP_PYTHON", value_name = "FILE")]
    pub python: Option<PathBuf>,

    /// Serve /metrics (for Prometheus) and /healthz there, without encryption [default: not at all]
    #[arg(long, env = "BATCHSWEEP_METRICS_LISTEN", value_name = "ADDRESS")]
    pub metrics_listen: Option<SocketAddr>,

    /// The folder that relative data paths of sweeps start from [default: the working folder]
    #[arg(long, env = "BATCHSWEEP_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// The folder that keeps what trials tell until the coordinator has it; the next process on this machine hands in what
    /// one that was killed left there [default: batchsweep/spool in the user's state folder]
    #[arg(long, env = "BATCHSWEEP_SPOOL_DIR", value_name = "DIR")]
    pub spool_dir: Option<PathBuf>,

    /// Keep at most so much of one trial there while the coordinator is away
    #[arg(long, env = "BATCHSWEEP_SPOOL_LIMIT", value_name = "SIZE", default_value = "4GiB")]
    pub spool_limit: Bytes,

    /// Where trials are saved, for a later attempt to go on from: a folder, or s3://BUCKET/PREFIX, with its address and
    /// credentials in AWS_* variables. All workers of a fleet need the same one, a bucket or a folder on a disk that they
    /// share, or a trial that moves to another machine starts over there [default: batchsweep/store in the user's state folder]
    #[arg(long, env = "BATCHSWEEP_CHECKPOINT_STORE", value_name = "PLACE")]
    pub checkpoint_store: Option<String>,

    /// Save a trial this often; 0 for only when this worker stops (SIGTERM) or is asked to save (SIGUSR1)
    #[arg(
        long,
        env = "BATCHSWEEP_CHECKPOINT_INTERVAL",
        value_name = "TIME",
        default_value = "5m",
        value_parser = interval
    )]
    pub checkpoint_interval: Duration,

    /// Save a trial also at every step that is a multiple of this; 0 for never
    #[arg(long, env = "BATCHSWEEP_CHECKPOINT_STEPS", value_name = "N", default_value_t = 0)]
    pub checkpoint_steps: u64,

    /// The folder for files that were sent along with sweeps, so that each is fetched once; workers may share it
    /// [default: batchsweep/uploads in the user's state folder]
    #[arg(long, env = "BATCHSWEEP_UPLOAD_DIR", value_name = "DIR")]
    pub upload_dir: Option<PathBuf>,

    /// Remove those used longest ago where all together take more than this
    #[arg(long, env = "BATCHSWEEP_UPLOAD_LIMIT", value_name = "SIZE", default_value = "64GiB")]
    pub upload_limit: Bytes,

    /// Kill a trainer that trains, evaluates or reads nothing at all for this long; its trial is tried again
    #[arg(
        long,
        env = "BATCHSWEEP_TRAINER_TIMEOUT",
        value_name = "TIME",
        default_value = "10m",
        value_parser = time
    )]
    pub trainer_timeout: Duration,

    /// The program to start as the trainer; for tests of what is around it [default: this one]
    #[arg(long, value_name = "FILE", hide = true)]
    pub trainer_program: Option<PathBuf>,
}

/// A length of time that is longer than 0.
fn time(text: &str) -> Result<Duration, ParseTimeSpanError> {
    TimeSpan::positive(text).map(|span| span.0)
}

/// The same, or 0 for never.
fn interval(text: &str) -> Result<Duration, ParseTimeSpanError> {
    if text == "0" { Ok(Duration::ZERO) } else { time(text) }
}

impl AgentConfig {
    /// What the coordinator is trusted by and shown.
    ///
    /// # Errors
    /// [`CredentialError`], which names the file.
    pub fn credentials(&self) -> Result<Credentials, CredentialError> {
        Credentials::read(CredentialFiles {
            token: self.token_file.as_deref(),
            ca: self.ca_file.as_deref(),
            client_cert: self.client_cert.as_deref(),
            client_key: self.client_key.as_deref(),
        })
    }

    /// The name to register under.
    #[must_use]
    pub fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| {
            let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
            let random = uuid::Uuid::new_v4().simple().to_string();
            format!("{}-{}", host.as_deref().unwrap_or("worker"), &random[..6])
        })
    }

    /// The folder for what is not acknowledged yet.
    #[must_use]
    pub fn spool_dir(&self) -> PathBuf {
        self.spool_dir.clone().unwrap_or_else(|| state_folder("spool"))
    }

    /// The folder for files that were sent along.
    #[must_use]
    pub fn upload_dir(&self) -> PathBuf {
        self.upload_dir.clone().unwrap_or_else(|| state_folder("uploads"))
    }

    /// The folder for checkpoints.
    #[must_use]
    pub fn checkpoint_store(&self) -> String {
        let default = || state_folder("store").to_string_lossy().into_owned();
        self.checkpoint_store.clone().filter(|store| !store.is_empty()).unwrap_or_else(default)
    }

    /// What the trainer is told first.
    #[must_use]
    pub fn start_trainer(&self) -> proto::v1::StartTrainer {
        proto::v1::StartTrainer {
            device: self.device.clone(),
            memory_limit_bytes: self.memory_limit.map(|limit| limit.0),
            threads: self.threads.unwrap_or(0),
            allows_code: self.allow_code,
        }
    }
}
