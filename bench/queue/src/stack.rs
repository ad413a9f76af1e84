//! A coordinator on a database of its own.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use proto::MAX_MESSAGE_BYTES;
use proto::v1::sweep_service_client::SweepServiceClient;
use proto::v1::worker_service_client::WorkerServiceClient;
use tokio::process::{Child, Command};
use tonic::transport::{Channel, Endpoint};

use crate::postgres::Postgres;

/// Runs until it is dropped.
#[derive(Debug)]
pub struct Stack {
    /// Its database.
    pub database: String,
    address: String,
    _coordinator: Child,
}

impl Stack {
    /// Starts a coordinator without limits on how much one caller may ask for.
    pub async fn start(coordinator: &Path, postgres: &Postgres, database: &str) -> Result<Self> {
        postgres.make(database).await?;
        let file = std::env::temp_dir().join(format!("bench-queue-{}-{database}", std::process::id()));
        let _ = std::fs::remove_file(&file);
        let mut process = Command::new(coordinator)
            .args(["serve", "--listen", "127.0.0.1:0", "--http-listen", "off"])
            .args(["--max-rows-per-second", "0", "--max-submissions-per-minute", "0"])
            .arg("--database-url")
            .arg(postgres.url(database))
            .arg("--address-file")
            .arg(&file)
            .env("BATCHSWEEP_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("starting the coordinator")?;
        let address = loop {
            match std::fs::read_to_string(&file) {
                Ok(address) if !address.is_empty() => {
                    break address.trim().to_owned();
                }
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
            if let Some(status) = process.try_wait()? {
                bail!("the coordinator ended: {status}");
            }
        };
        let _ = std::fs::remove_file(&file);
        Ok(Self { database: database.to_owned(), address, _coordinator: process })
    }

    /// A connection of its own.
    pub fn connect(&self) -> Result<Connection> {
        let channel = Endpoint::from_shared(self.address.clone())?.connect_lazy();
        Ok(Connection {
            sweeps: SweepServiceClient::new(channel.clone()),
            workers: WorkerServiceClient::new(channel)
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES),
        })
    }

    /// Makes Postgres look at what it holds, as it does by itself some time after many rows have changed.
    pub async fn analyze(&self, postgres: &Postgres) -> Result<()> {
        postgres.ask(&self.database, "vacuum analyze").await.map(drop)
    }
}

/// Both services over one connection.
#[derive(Debug, Clone)]
pub struct Connection {
    /// For people.
    pub sweeps: SweepServiceClient<Channel>,
    /// For workers.
    pub workers: WorkerServiceClient<Channel>,
}
