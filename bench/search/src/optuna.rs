//! Optuna's samplers on the same grids, by a script.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::grid::Grid;

/// What a sampler missed after so many trials.
#[derive(Debug, Clone)]
pub struct Sampled {
    /// Its name and its seeds.
    pub sampler: String,
    pub trials: u64,
    /// By grid and seed: the share by which the best loss found exceeds the least.
    pub regrets: Vec<f64>,
}

/// Runs the script with the grids on its standard input. It prints one JSON object a line.
pub fn run(python: &Path, script: &Path, grids: &[Grid]) -> Result<Vec<Sampled>> {
    let losses = |grid: &Grid| {
        let rows = grid.losses.iter().map(|row| {
            row.iter().map(|loss| if loss.is_finite() { json!(loss) } else { Value::Null }).collect::<Value>()
        });
        rows.collect::<Value>()
    };
    let input: Value = grids.iter().map(losses).collect();
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", python.display()))?;
    child.stdin.take().context("no standard input")?.write_all(input.to_string().as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{} failed: {}", script.display(), output.status);
    }
    String::from_utf8(output.stdout)?.lines().map(sampled).collect()
}

fn sampled(line: &str) -> Result<Sampled> {
    let value: Value = serde_json::from_str(line)?;
    let read = || {
        let regrets = value["regrets"].as_array()?.iter().map(Value::as_f64).collect::<Option<_>>()?;
        Some(Sampled {
            sampler: value["sampler"].as_str()?.to_owned(),
            trials: value["trials"].as_u64()?,
            regrets,
        })
    };
    read().with_context(|| format!("`{line}` is no result of a sampler"))
}
