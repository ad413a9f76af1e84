//! `batchsweep-coordinator`: keeps sweeps in Postgres and hands their trials to workers.

mod migrate_command;
mod token_command;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use coordinator::ServeConfig;
use migrate_command::MigrateArgs;
use proto::connection::{CredentialFiles, Credentials};
use token_command::TokenCommand;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Keeps sweeps in Postgres and hands their trials to workers over gRPC.
#[derive(Debug, Parser)]
#[command(name = "batchsweep-coordinator", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGTERM or Ctrl-C.
    Serve(Box<ServeConfig>),
    /// Bring the schema up to date, and the roles and tokens that a deployment brings along; then end.
    Migrate(MigrateArgs),
    /// Ask a coordinator whether it serves; exit code 0 when it does, 1 otherwise.
    Health {
        /// Where it listens.
        #[arg(
            long,
            env = "BATCHSWEEP_COORDINATOR",
            value_name = "URL",
            default_value = "http://127.0.0.1:7070"
        )]
        address: String,

        /// Certificates of the CAs that may vouch for it [default: the system's].
        #[arg(long, env = "BATCHSWEEP_CA_FILE", value_name = "FILE")]
        ca_file: Option<PathBuf>,

        /// A certificate to show it, where it asks for one.
        #[arg(long, env = "BATCHSWEEP_CLIENT_CERT", value_name = "FILE", requires = "client_key")]
        client_cert: Option<PathBuf>,

        /// That certificate's key.
        #[arg(long, env = "BATCHSWEEP_CLIENT_KEY", value_name = "FILE", requires = "client_cert")]
        client_key: Option<PathBuf>,
    },
    /// Make, list and revoke the tokens that callers show.
    #[command(subcommand)]
    Token(TokenCommand),
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(config) => serve(*config).await,
        Command::Migrate(arguments) => migrate_command::run(arguments).await,
        Command::Health { address, ca_file, client_cert, client_key } => {
            let files = CredentialFiles {
                token: None,
                ca: ca_file.as_deref(),
                client_cert: client_cert.as_deref(),
                client_key: client_key.as_deref(),
            };
            health(address, files).await
        }
        Command::Token(command) => token_command::run(command).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            telemetry::log::line(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn serve(config: ServeConfig) -> anyhow::Result<()> {
    let traces = telemetry::start("batchsweep-coordinator", config.log_format, "info,sqlx=warn");
    storage::private::close_to_others();
    // Before the port is taken: a wrong flag is told first.
    config.check()?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}; choose another with --listen", config.listen))?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let ran = coordinator::run(config, listener, shutdown).await;
    traces.finish().await;
    Ok(ran?)
}

async fn health(address: String, files: CredentialFiles<'_>) -> anyhow::Result<()> {
    let status = coordinator::health::check(address, &Credentials::read(files)?).await?;
    anyhow::ensure!(
        status == coordinator::health::Status::Serving,
        "the coordinator answers that it is {status:?}"
    );
    Ok(())
}
