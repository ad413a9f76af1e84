//! Optuna's storage in the same Postgres: processes that ask for a trial and tell its value, as fast as they can.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::postgres::Postgres;

/// The database that it happens in.
const DATABASE: &str = "bench_optuna";

/// Trials that so many processes together ask for and tell in a second.
pub async fn trials_per_second(
    python: &Path,
    script: &Path,
    postgres: &Postgres,
    processes: u32,
    seconds: f64,
) -> Result<f64> {
    postgres.make(DATABASE).await?;
    let output = Command::new(python)
        .arg(script)
        .arg(postgres.url(DATABASE))
        .args([processes.to_string(), seconds.to_string()])
        .kill_on_drop(true)
        .output()
        .await
        .context("starting Python")?;
    ensure!(output.status.success(), "Optuna: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse()?)
}
