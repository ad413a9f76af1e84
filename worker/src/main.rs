//! `batchsweep-worker`: takes trials from a coordinator and trains them with libtorch.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use telemetry::LogFormat;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use worker::agent::{self, AgentConfig, Wishes};
use worker::trainer;

/// What is logged where nothing else is asked for.
const LOGGED: &str = "info";

/// Takes trials from a batchsweep coordinator and trains them with libtorch.
#[derive(Debug, Parser)]
#[command(name = "batchsweep-worker", version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,

    #[command(flatten)]
    agent: AgentConfig,

    /// How to write the log on standard error
    #[arg(long, env = "BATCHSWEEP_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text, global = true)]
    log_format: LogFormat,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Train what the parent process asks for on standard input; the agent starts this by itself
    #[command(hide = true)]
    Trainer {
        /// Let a Python interpreter host it; without a name the one of the environment
        #[arg(long, num_args = 0..=1, default_missing_value = "-", value_name = "PYTHON")]
        python: Option<PathBuf>,

        /// Train nothing, and answer everything with this
        #[arg(long, value_name = "REASON", conflicts_with = "python")]
        refuse: Option<String>,
    },
    /// Print the devices that a worker for this machine has slots for, one a line; `batchsweep` starts this by itself
    #[command(hide = true)]
    Devices,
    /// Ask the worker of this machine whether it is well; exit code 0 when it is, 1 otherwise
    Health {
        /// Its --metrics-listen
        #[arg(
            long,
            env = "BATCHSWEEP_METRICS_LISTEN",
            value_name = "ADDRESS",
            default_value = "127.0.0.1:9090"
        )]
        address: SocketAddr,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.role {
        Some(Role::Trainer { python, refuse }) => {
            telemetry::log::start(arguments.log_format, LOGGED);
            match (python, refuse) {
                (Some(python), _) => trainer::refuse(&trainer::python::become_hosted(&python)),
                (None, Some(reason)) => trainer::refuse(&reason),
                (None, None) => trainer::run(),
            }
        }
        Some(Role::Devices) => {
            agent::slots::own_devices().iter().for_each(|device| println!("{device}"));
            ExitCode::SUCCESS
        }
        Some(Role::Health { address }) => health(address),
        None => run_agent(arguments.agent, arguments.log_format),
    }
}

fn run_agent(config: AgentConfig, log_format: LogFormat) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            telemetry::log::line(format_args!("error: cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let worked = runtime.block_on(async {
        let traces = telemetry::start("batchsweep-worker", log_format, LOGGED);
        let worked = work(config).await;
        traces.finish().await;
        worked
    });
    match worked {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            telemetry::log::line(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn work(config: AgentConfig) -> anyhow::Result<()> {
    storage::private::close_to_others();
    if let Some(address) = config.metrics_listen {
        let listener = TcpListener::bind(address).await;
        let listener = listener
            .with_context(|| format!("cannot listen on {address}; choose another with --metrics-listen"))?;
        tokio::spawn(agent::monitor::serve(listener));
    }
    let wishes = Wishes { shutdown: shutdown_on_signal(), save: save_on_signal() };
    Ok(agent::slots::run(config, wishes).await?)
}

fn health(address: SocketAddr) -> ExitCode {
    match agent::monitor::ask(address) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            telemetry::log::line(format_args!("error: {problem}"));
            ExitCode::FAILURE
        }
    }
}

/// Fires at the first SIGTERM or SIGINT: the current trial is saved and given back. A second signal ends the process at once.
fn shutdown_on_signal() -> CancellationToken {
    let shutdown = CancellationToken::new();
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return shutdown;
    };
    let fired = shutdown.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if fired.is_cancelled() {
                std::process::exit(130);
            }
            tracing::info!("stopping: saving the current trial and giving it back");
            fired.cancel();
        }
    });
    shutdown
}

/// Changes at each SIGUSR1: the current trial is saved and goes on.
fn save_on_signal() -> watch::Receiver<()> {
    let (sender, save) = watch::channel(());
    if let Ok(mut user) = signal(SignalKind::user_defined1()) {
        tokio::spawn(async move { while user.recv().await.is_some() && sender.send(()).is_ok() {} });
    }
    save
}
