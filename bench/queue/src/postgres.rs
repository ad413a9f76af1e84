//! The Postgres that everything is timed on, asked through its own programs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

/// A server, and the programs that speak to it.
#[derive(Debug, Clone)]
pub struct Postgres {
    bin: PathBuf,
    /// The URL up to the database's name.
    server: String,
}

impl Postgres {
    /// `url` may name any database.
    pub fn new(bin: &Path, url: &str) -> Self {
        let server = url.rsplit_once('/').map_or(url, |(server, _)| server);
        Self { bin: bin.to_owned(), server: server.to_owned() }
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        format!("{}/{database}", self.server)
    }

    /// A command of Postgres's own.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin.join(name));
        command.kill_on_drop(true);
        command
    }

    /// Runs statements; gives what the last one told, without ornament.
    pub async fn ask(&self, database: &str, statements: &str) -> Result<String> {
        let output = self
            .program("psql")
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"])
            .args(["--command", statements, &self.url(database)])
            .output()
            .await
            .context("starting psql")?;
        ensure!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// An empty database of this name.
    pub async fn make(&self, database: &str) -> Result<()> {
        self.ask("postgres", &format!("drop database if exists {database} with (force)")).await?;
        self.ask("postgres", &format!("create database {database}")).await?;
        Ok(())
    }

    /// Transactions so far in a database, also those that were rolled back.
    pub async fn transactions(&self, database: &str) -> Result<f64> {
        let question =
            format!("select xact_commit + xact_rollback from pg_stat_database where datname = '{database}'");
        // Asked from elsewhere, so as not to count.
        self.ask("postgres", &question).await?.parse().context("reading pg_stat_database")
    }
}
