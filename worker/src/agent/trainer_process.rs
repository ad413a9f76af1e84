//! The trainer as a child process: started warm, spoken to in frames, replaced when it dies.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use prost::Message;
use proto::frame::MAX_FRAME_BYTES;
use proto::v1::{self, FailureKind, trainer_event, trainer_request};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio_util::bytes::Bytes;
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

use futures::{SinkExt, StreamExt};

use super::AgentConfig;
use crate::own_program;

/// How long a trainer may take to load libtorch and open its device.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// So many trainers in a row may be killed while they start.
const STARTS: u32 = 3;

/// How long a trainer may take to end once its input is closed.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// A running trainer, or what is left of one.
#[derive(Debug)]
pub struct TrainerProcess {
    child: Child,
    requests: Option<FramedWrite<ChildStdin, LengthDelimitedCodec>>,
    events: FramedRead<ChildStdout, LengthDelimitedCodec>,
    device: v1::Device,
    host: Host,
    gone: bool,
}

/// What came from a trainer.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one value at a time, moved a few times a second at most")]
pub enum Heard {
    /// An event.
    Event(trainer_event::Kind),
    /// Its end.
    Gone(Death),
}

/// Why a trainer did not get ready, in words.
enum Unready {
    /// Somebody killed it, or the kernel for want of memory.
    Killed(String),
    /// Anything else.
    Other(String),
}

impl Unready {
    fn into_message(self) -> String {
        match self {
            Self::Killed(message) | Self::Other(message) => message,
        }
    }
}

impl From<String> for Unready {
    fn from(message: String) -> Self {
        Self::Other(message)
    }
}

/// What a trainer runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// A process of its own.
    Native,
    /// A Python interpreter, for models and data sets of the user's own.
    Python,
}

impl Host {
    /// What a trial needs.
    #[must_use]
    pub fn of(spec: &v1::TrialSpec) -> Self {
        use v1::{data_spec::Source, model_spec::Kind};
        let model = spec.model.as_ref().and_then(|model| model.kind.as_ref());
        let data = spec.data.as_ref().and_then(|data| data.source.as_ref());
        match (model, data) {
            (Some(Kind::Python(_)), _) | (_, Some(Source::Python(_))) => Self::Python,
            _ => Self::Native,
        }
    }
}

/// How a trainer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// What that counts as.
    pub kind: FailureKind,
    /// In words.
    pub message: String,
}

impl TrainerProcess {
    /// Starts one, of this very program unless told otherwise, and waits until it is ready. One that is killed meanwhile
    /// says nothing of the device: another one is started.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub async fn start(config: &AgentConfig, host: Host) -> Result<Self, String> {
        let mut starts = 1;
        loop {
            match Self::start_once(config, host).await {
                Err(Unready::Killed(message)) if starts < STARTS => {
                    tracing::warn!("{message}; another one is started");
                    starts += 1;
                }
                started => return started.map_err(Unready::into_message),
            }
        }
    }

    async fn start_once(config: &AgentConfig, host: Host) -> Result<Self, Unready> {
        let command = match &config.trainer_program {
            Some(program) => std::process::Command::new(program),
            None => own_program::command()
                .map_err(|error| format!("this program's own path is unknown: {error}"))?,
        };
        let mut command = Command::from(command);
        if let Some(folder) = &config.data_dir {
            if !folder.is_dir() {
                return Err(format!("--data-dir {} is no folder on this machine", folder.display()).into());
            }
            command.current_dir(folder);
        }
        command.arg("trainer");
        if host == Host::Python {
            command.arg("--python").args(&config.python);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Its own words go where ours go.
            .stderr(Stdio::inherit())
            // A Ctrl-C at the terminal is for the agent, which then stops the trainer in good order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("the trainer's program does not start: {error}"))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("its input and output were not connected".to_owned().into());
        };
        let codec = || LengthDelimitedCodec::builder().max_frame_length(MAX_FRAME_BYTES).new_codec();
        let mut trainer = Self {
            child,
            requests: Some(FramedWrite::new(stdin, codec())),
            events: FramedRead::new(stdout, codec()),
            device: v1::Device::default(),
            host,
            gone: false,
        };
        trainer.send(trainer_request::Kind::Start(config.start_trainer())).await;
        let heard = tokio::time::timeout(START_TIMEOUT, trainer.next())
            .await
            .map_err(|_| format!("it was not ready within {} s", START_TIMEOUT.as_secs()))?;
        match heard {
            Heard::Event(trainer_event::Kind::Ready(device)) => {
                trainer.device = device;
                Ok(trainer)
            }
            // Without a fit interpreter it answers each trial that needs one with the reason; the worker takes others.
            Heard::Event(trainer_event::Kind::Problem(problem)) if host == Host::Python && !problem.fatal => {
                tracing::warn!("{}", problem.message);
                Ok(trainer)
            }
            Heard::Event(trainer_event::Kind::Problem(problem)) => Err(problem.message.into()),
            Heard::Event(other) => Err(format!("it spoke out of turn: {other:?}").into()),
            Heard::Gone(death) if death.kind == FailureKind::SuspectedHostOom => {
                Err(Unready::Killed(death.message))
            }
            Heard::Gone(death) => Err(death.message.into()),
        }
    }

    /// Where it trains.
    #[must_use]
    pub fn device(&self) -> &v1::Device {
        &self.device
    }

    /// What hosts it.
    #[must_use]
    pub fn host(&self) -> Host {
        self.host
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.gone
    }

    /// Sends a request. A trainer that cannot be written to is dying: the next [`TrainerProcess::next`] tells how.
    pub async fn send(&mut self, kind: trainer_request::Kind) {
        let request = v1::TrainerRequest { kind: Some(kind) };
        if let Some(requests) = self.requests.as_mut() {
            let _ = requests.send(Bytes::from(request.encode_to_vec())).await;
        }
    }

    /// The next event, or its end. Safe to drop and call again: no event is lost.
    pub async fn next(&mut self) -> Heard {
        match self.events.next().await {
            Some(Ok(frame)) => match v1::TrainerEvent::decode(frame).map(|event| event.kind) {
                Ok(Some(kind)) => Heard::Event(kind),
                Ok(None) | Err(_) => self.broken("it sent a message that cannot be read").await,
            },
            Some(Err(error)) => self.broken(&format!("its output broke: {error}")).await,
            None => {
                self.gone = true;
                let status = self.child.wait().await;
                Heard::Gone(status.map_or_else(|error| Death::unknown(&error.to_string()), Death::of))
            }
        }
    }

    /// Ends it at once.
    pub async fn kill(&mut self) {
        self.gone = true;
        // Fails only when it is dead already.
        let _ = self.child.kill().await;
    }

    /// Lets it end by itself, or ends it when it does not.
    pub async fn stop(mut self) {
        self.requests = None;
        if tokio::time::timeout(STOP_TIMEOUT, self.child.wait()).await.is_err() {
            self.kill().await;
        }
    }

    async fn broken(&mut self, problem: &str) -> Heard {
        self.kill().await;
        Heard::Gone(Death::unknown(problem))
    }
}

impl Death {
    fn unknown(problem: &str) -> Self {
        Self { kind: FailureKind::Crash, message: format!("the trainer process is lost: {problem}") }
    }

    fn of(status: ExitStatus) -> Self {
        match status.signal() {
            Some(9) => Self {
                kind: FailureKind::SuspectedHostOom,
                message: "the trainer process was killed by signal 9 (SIGKILL): most likely the host ran out of memory; \
                          the worker's --memory-limit keeps a trial below that"
                    .to_owned(),
            },
            Some(signal) => {
                let name = nix::sys::signal::Signal::try_from(signal).map_or("unknown", |signal| signal.as_str());
                let message = format!("the trainer process died of signal {signal} ({name})");
                Self { kind: FailureKind::Crash, message }
            }
            None => {
                let code = status.code().unwrap_or(-1);
                Self { kind: FailureKind::Crash, message: format!("the trainer process ended early with exit code {code}") }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_is_told_from_a_crash() {
        assert_eq!(Death::of(ExitStatus::from_raw(9)).kind, FailureKind::SuspectedHostOom);
        let crash = Death::of(ExitStatus::from_raw(11));
        assert_eq!(crash.kind, FailureKind::Crash);
        assert_eq!(crash.message, "the trainer process died of signal 11 (SIGSEGV)");
        assert!(Death::of(ExitStatus::from_raw(3 << 8)).message.ends_with("exit code 3"));
    }
}
