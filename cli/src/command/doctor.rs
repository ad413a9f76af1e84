//! `doctor`: what batchsweep needs on this machine, one line each, with the fix.

use std::fs;

use report::sheet::{Cell, Sheet, SheetColumn, Tone};
use report::{Column, ColumnKind, Look, Table, human};

use crate::context::{Context, block_on};
use crate::coordinator::address::Address;
use crate::coordinator::presence::Lack;
use crate::coordinator::{client, credentials};
use crate::failure::{Exit, Failure};
use crate::local::database_user::DatabaseUser;
use crate::local::postgres::{self, Binaries};
use crate::local::record::Record;
use crate::local::{programs, socket};
use crate::output::{self, Format, OutputArgs};
use crate::talk::Talk;
use crate::trainer::{PATIENCE, Trainer, TrainerOptions};

use super::up;

/// Arguments of `doctor`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The device to check: cpu, or a GPU such as cuda:0
    #[arg(long, value_name = "DEVICE", default_value = "cpu", value_parser = up::parse_device)]
    device: String,

    #[command(flatten)]
    output: OutputArgs,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// As needed.
    Good,
    /// Not there, and not needed for what is asked.
    Absent,
    /// Needed, and missing.
    Missing,
}

struct Finding {
    check: &'static str,
    verdict: Verdict,
    found: String,
    fix: Option<String>,
}

/// Runs the verb.
///
/// # Errors
/// When standard output does not take the findings.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let findings = [
        postgres_programs(context),
        state_folder(context),
        coordinator_program(),
        worker(&args.device),
        gpu_driver(&args.device),
        coordinator(context),
        local_stack(context),
    ];
    match args.output.format {
        // As long as it takes: a fix that is cut off is none.
        Format::Table => output::text(&sheet(&findings).render(Look { width: None, ..output::look() }))?,
        format => output::table(format, &table(&findings), |_| Sheet::default())?,
    }
    if findings.iter().all(|finding| finding.verdict != Verdict::Missing) {
        context.talk.next("batchsweep run examples/seed.toml");
        return Ok(Exit::Success);
    }
    Ok(Exit::Failed)
}

impl Finding {
    fn good(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Good, found: found.into(), fix: None }
    }

    fn absent(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Absent, found: found.into(), fix: None }
    }

    fn missing(check: &'static str, failure: Failure) -> Self {
        Self { check, verdict: Verdict::Missing, found: failure.message, fix: failure.hint }
    }

    fn of(check: &'static str, outcome: Result<String, Failure>) -> Self {
        match outcome {
            Ok(found) => Self::good(check, found),
            Err(failure) => Self::missing(check, failure),
        }
    }
}

/// As `run` would use it: of the database's version, by the database's user.
fn postgres_programs(context: &Context) -> Finding {
    let check = || {
        let binaries = match context.state_dir() {
            Ok(state) => postgres::check(&state, DatabaseUser::needed()?.as_ref())?,
            // Reported as the state folder's.
            Err(_) => Binaries::find(None)?,
        };
        Ok(format!("PostgreSQL {} in {}", binaries.version, binaries.folder.display()))
    };
    Finding::of("postgres", check())
}

fn state_folder(context: &Context) -> Finding {
    let check = || {
        let state = context.state_dir()?;
        state.check_writable()?;
        socket::check(&state, DatabaseUser::needed()?.as_ref())?;
        let what =
            if state.has_database() { "with a database" } else { "no database yet; the first run makes it" };
        Ok(format!("{} ({what})", state.path().display()))
    };
    Finding::of("state folder", check())
}

fn coordinator_program() -> Finding {
    Finding::of(
        "coordinator program",
        programs::find(programs::COORDINATOR).map(|path| path.display().to_string()),
    )
}

/// Starts a trainer: only that shows whether libtorch and the device work together.
fn worker(device: &str) -> Finding {
    let check = || {
        let program = programs::find(programs::WORKER)?;
        let options = TrainerOptions {
            device: device.to_owned(),
            is_hosted: false,
            python: None,
            memory_limit: None,
            patience: PATIENCE,
            talk: Talk::Quiet,
        };
        let trainer = Trainer::start(&program, &options)?;
        let found = trainer.device();
        Ok(format!(
            "libtorch {} on {} ({}, {}, {})",
            found.libtorch_version,
            found.name,
            found.description,
            human::bytes(found.memory_bytes),
            human::count(u64::from(found.threads), "thread"),
        ))
    };
    Finding::of("worker", check())
}

fn gpu_driver(device: &str) -> Finding {
    const CHECK: &str = "GPU driver";
    match fs::read_to_string("/proc/driver/nvidia/version") {
        // `NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 ...`
        Ok(text) => {
            Finding::good(CHECK, text.lines().next().unwrap_or_default().replace("NVRM version: ", ""))
        }
        Err(_) if device == "cpu" => Finding::absent(CHECK, "none; training runs on the CPU"),
        Err(_) => Finding::missing(
            CHECK,
            Failure::failed("no NVIDIA driver is loaded")
                .hint("install NVIDIA's driver 580 or newer; see it with: cat /proc/driver/nvidia/version"),
        ),
    }
}

fn coordinator(context: &Context) -> Finding {
    const CHECK: &str = "coordinator";
    let check = || {
        let Some(address) = Address::named(context.globals.coordinator.as_deref())? else { return Ok(None) };
        block_on(async { client::connect(&address, &credentials::of(context, &address)?).await })?;
        Ok(Some(format!("answers at {} ({})", address.url, address.origin)))
    };
    match check() {
        Ok(Some(found)) => Finding::good(CHECK, found),
        Ok(None) => Finding::absent(CHECK, "none named; `run` and `up` start one"),
        Err(failure) => Finding::missing(CHECK, failure),
    }
}

fn local_stack(context: &Context) -> Finding {
    const CHECK: &str = "local stack";
    let Ok(state) = context.state_dir() else { return Finding::absent(CHECK, "no state folder") };
    let record = Record::load(&state);
    match (record.coordinator, postgres::running(&state)) {
        (Some(_), Some(_)) if record.workers.is_empty() => Finding {
            check: CHECK,
            verdict: Verdict::Absent,
            found: format!("runs at {}, but {}", record.url, Lack::NoWorker),
            fix: Some("batchsweep up".to_owned()),
        },
        (Some(_), Some(_)) => {
            let workers = human::count(record.workers.len() as u64, "worker");
            Finding::good(CHECK, format!("runs at {} with {workers}", record.url))
        }
        (None, None) => Finding::absent(CHECK, "not running"),
        _ => Finding {
            check: CHECK,
            verdict: Verdict::Absent,
            found: "runs in part".to_owned(),
            fix: Some("batchsweep down && batchsweep up".to_owned()),
        },
    }
}

fn sheet(findings: &[Finding]) -> Sheet {
    let columns =
        vec![SheetColumn::words("", 0), SheetColumn::words("check", 0), SheetColumn::words("found", 0)];
    let rows = findings.iter().map(|finding| {
        let (mark, tone) = match finding.verdict {
            Verdict::Good => ("ok", Tone::Good),
            Verdict::Absent => ("-", Tone::Faint),
            Verdict::Missing => ("MISSING", Tone::Bad),
        };
        vec![
            Cell { text: mark.to_owned(), tone },
            finding.check.into(),
            finding
                .fix
                .as_ref()
                .map_or(finding.found.clone(), |fix| format!("{}; fix: {fix}", finding.found))
                .into(),
        ]
    });
    Sheet { columns, rows: rows.collect() }
}

fn table(findings: &[Finding]) -> Table {
    let column = |name: &str, kind| Column { name: name.to_owned(), kind };
    let columns = vec![
        column("check", ColumnKind::Text),
        column("ok", ColumnKind::Boolean),
        column("needed", ColumnKind::Boolean),
        column("found", ColumnKind::Text),
        column("fix", ColumnKind::Text),
    ];
    let rows = findings.iter().map(|finding| {
        vec![
            Some(finding.check.to_owned()),
            Some((finding.verdict == Verdict::Good).to_string()),
            Some((finding.verdict != Verdict::Absent).to_string()),
            Some(finding.found.clone()),
            finding.fix.clone(),
        ]
    });
    Table { columns, rows: rows.collect() }
}
