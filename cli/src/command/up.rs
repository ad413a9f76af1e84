//! `up`: the local stack, left running.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::available_parallelism;
use std::time::{Duration, Instant, SystemTime};

use domain::Bytes;
use proto::v1::View;
use report::human;

use crate::context::Context;
use crate::coordinator::address::{Address, Origin};
use crate::coordinator::presence::Presence;
use crate::coordinator::session::Session;
use crate::coordinator::{client, credentials, rows, sign_in};
use crate::failure::{Exit, Failure};
use crate::local::parts::WORKER_PREFIX;
use crate::local::record::Record;
use crate::local::{Lifetime, Stack, StackOptions, Workers, programs, stopping};
use crate::timestamp;

/// Arguments of `up`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    workers: WorkerArgs,
}

/// Workers of this machine.
#[derive(Debug, Clone, clap::Args)]
pub struct WorkerArgs {
    /// How many workers; they share the CPU's cores [default: one a device]
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,

    /// Where to train: cpu, or a GPU such as cuda:0 [default: every GPU, else cpu]
    #[arg(long, value_name = "DEVICE", value_parser = parse_device)]
    device: Option<String>,

    /// Device memory that each worker may use, such as 512MiB [default: the device's own]
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    memory_limit: Option<Bytes>,

    #[command(flatten)]
    python: PythonArgs,
}

/// What runs models of kind python.
#[derive(Debug, Clone, clap::Args)]
pub struct PythonArgs {
    /// The Python interpreter for models of kind python [default: bin/python of $VIRTUAL_ENV, else python3]
    #[arg(long = "python", id = "python", value_name = "FILE", env = "BATCHSWEEP_PYTHON", hide_env = true)]
    interpreter: Option<PathBuf>,
}

impl PythonArgs {
    /// The interpreter, if one was named: a path from anywhere, or a name to look for in PATH.
    #[must_use]
    pub fn interpreter(&self) -> Option<PathBuf> {
        let named = self.interpreter.clone().filter(|named| !named.as_os_str().is_empty())?;
        if named.components().count() > 1 {
            std::path::absolute(&named).ok().or(Some(named))
        } else {
            Some(named)
        }
    }
}

/// Runs the verb. It returns when the workers have their devices, or one of them cannot have its.
///
/// # Errors
/// When the stack does not start; then nothing of it is left.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let state = context.state_dir()?;
    let options = StackOptions { workers: Some(args.workers.workers()?), lifetime: Lifetime::Stays };
    let before = Record::load(&state);
    if before.coordinator.is_some() && !before.stays {
        return Err(Failure::failed(
            "a `batchsweep run` is using this state folder, and its stack ends with it",
        )
        .hint("try again when it has ended, or choose another folder with --state-dir"));
    }
    let (start, since) = (Instant::now(), timestamp::text(&SystemTime::now().into()));
    let stack = Stack::start(&state, &options, context.talk).await?;
    if let Err(failure) = workers_register(&stack, since, context).await {
        stopping::everything(&state, context.talk).await?;
        return Err(failure);
    }
    let started = stack.started();
    if started.is_empty() {
        context.talk.say(format_args!("already running at {}", stack.url()));
        args.workers.note_ignored(&before, context);
    } else {
        let took = human::seconds(start.elapsed().as_secs_f64());
        context.talk.say(format_args!(
            "started {} in {took}; the coordinator is at {}",
            started.join(", "),
            stack.url()
        ));
    }
    sign_in::tell(context, stack.url(), stack.page(), "").await;
    context.talk.next("batchsweep submit SPEC --wait");
    Ok(Exit::Success)
}

/// Waits until every worker that was started has registered: only then is its device known to work.
async fn workers_register(stack: &Stack, since: String, context: &Context) -> Result<(), Failure> {
    const LIMIT: Duration = Duration::from_secs(60);
    let expected = stack.started().iter().filter(|name| name.starts_with(WORKER_PREFIX)).count();
    if expected == 0 {
        return Ok(());
    }
    let address = Address { url: stack.url().to_owned(), origin: Origin::LocalStack };
    let client = client::connect(&address, &credentials::of(context, &address)?).await?;
    let session = Session { client, address, presence: Presence::Local(context.state_dir()?) };
    let start = Instant::now();
    while start.elapsed() < LIMIT {
        stack.check()?;
        let listed = rows::list(&mut session.client.clone(), View::Worker, "", "").await;
        let workers = listed.map_err(|status| session.refused(&status))?;
        // To the second, as RFC 3339 texts in UTC sort by time.
        let is_new =
            |row: &usize| workers.text(*row, "registered_at").and_then(|at| at.get(..19)) >= since.get(..19);
        if (0..workers.rows.len()).filter(is_new).count() >= expected {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err(Failure::failed("a worker runs, but has not registered within a minute")
        .hint("see its log in the state folder"))
}

impl WorkerArgs {
    /// What to start.
    ///
    /// # Errors
    /// When the worker does not list the devices of this machine. A named device that does not exist is refused by its worker.
    pub fn workers(&self) -> Result<Workers, Failure> {
        let devices = match &self.device {
            Some(device) => vec![device.clone()],
            None => default_devices()?,
        };
        let count = self.workers.map_or(devices.len(), NonZeroUsize::get);
        let cores = available_parallelism().map_or(1, NonZeroUsize::get);
        Ok(Workers {
            devices: devices.into_iter().cycle().take(count).collect(),
            threads: (cores / count).max(1),
            memory_limit: self.memory_limit.map(|limit| limit.0.to_string()),
            python: self.python.interpreter(),
        })
    }

    /// Whether any of the flags was given.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.workers.is_some() || self.device.is_some() || self.memory_limit.is_some()
    }

    fn note_ignored(&self, running: &Record, context: &Context) {
        if self.is_set() && !running.workers.is_empty() {
            context
                .talk
                .warn("the workers that run keep their settings; to change them: batchsweep down, then up");
        }
    }
}

/// Every GPU that a worker may use here; the CPU where there is none.
///
/// # Errors
/// When the worker, which knows them, does not start.
fn default_devices() -> Result<Vec<String>, Failure> {
    if !Path::new(GPU_DRIVER).exists() {
        return Ok(vec!["cpu".to_owned()]);
    }
    let program = programs::find(programs::WORKER)?;
    let asked = Command::new(&program).arg("devices").stderr(Stdio::inherit()).output();
    let failed = |why: String| {
        Failure::failed(format!("{} does not list the GPUs of this machine: {why}", program.display()))
            .hint("name a device, with --device cuda:0 or --device cpu")
    };
    let answer = asked.map_err(|error| failed(error.to_string()))?;
    if !answer.status.success() {
        return Err(failed(answer.status.to_string()));
    }
    Ok(String::from_utf8_lossy(&answer.stdout).lines().map(str::to_owned).collect())
}

/// What NVIDIA's driver shows of itself while it is loaded.
const GPU_DRIVER: &str = "/proc/driver/nvidia";

/// Reads `cpu` and `cuda:0`.
///
/// # Errors
/// For anything else.
pub fn parse_device(text: &str) -> Result<String, String> {
    let is_gpu = text.strip_prefix("cuda:").is_some_and(|index| index.parse::<u16>().is_ok());
    match text {
        "cpu" => Ok(text.to_owned()),
        "cuda" => Ok("cuda:0".to_owned()),
        _ if is_gpu => Ok(text.to_owned()),
        _ => Err("write cpu, or a GPU such as cuda:0".to_owned()),
    }
}

/// Reads a memory size of at least one byte.
///
/// # Errors
/// For anything else.
pub fn parse_bytes(text: &str) -> Result<Bytes, String> {
    match text.parse::<Bytes>() {
        Ok(Bytes(0)) => Err("a limit of 0 holds nothing".to_owned()),
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(error.to_string()),
    }
}
