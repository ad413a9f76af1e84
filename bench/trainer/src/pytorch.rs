//! PyTorch's loops, in a Python process that stays warm too.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};
use serde_json::Value as Json;

use crate::rounds::Timing;

/// A Python process that runs loops.py.
#[derive(Debug)]
pub struct PyTorch {
    process: Child,
    cases: ChildStdin,
    timings: BufReader<ChildStdout>,
    /// As PyTorch says it.
    pub version: String,
}

impl PyTorch {
    /// Starts one.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(python: &Path, loops: &Path, threads: u32) -> Result<Self> {
        let mut process = Command::new(python)
            .arg(loops)
            .arg(threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}; run bench/pytorch/setup", python.display()))?;
        let cases = process.stdin.take().context("Python's input is not connected")?;
        let timings = BufReader::new(process.stdout.take().context("Python's output is not connected")?);
        let mut pytorch = Self { process, cases, timings, version: String::new() };
        pytorch.version =
            pytorch.answer()?["torch"].as_str().context("PyTorch did not say its version")?.to_owned();
        Ok(pytorch)
    }

    /// Trains once.
    ///
    /// # Errors
    /// When the script breaks off; its own words are on standard error.
    pub fn train(&mut self, case: &Json) -> Result<Timing> {
        writeln!(self.cases, "{case}")?;
        let answer = self.answer()?;
        let number = |key: &str| answer[key].as_f64().with_context(|| format!("Python did not say `{key}`"));
        Ok(Timing {
            seconds: number("seconds")?,
            steps: number("steps")? as u64,
            train_set_loss: number("train_set_loss")?,
        })
    }

    fn answer(&mut self) -> Result<Json> {
        let mut line = String::new();
        self.timings.read_line(&mut line)?;
        serde_json::from_str(&line).context("the Python script broke off; its own words are above")
    }
}

impl Drop for PyTorch {
    fn drop(&mut self) {
        // It keeps nothing; both fail only when it is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
