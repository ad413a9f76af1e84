//! The database cluster on disk: made once, and only whole.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use nix::unistd::geteuid;

use super::Binaries;
use crate::failure::Failure;
use crate::local::StateDir;
use crate::local::database_user::{self, DatabaseUser};
use crate::local::{launch, socket};

/// Makes sure that there is a cluster, and gives the programs that can run it.
///
/// # Errors
/// What [`check`] finds, and when a folder cannot be prepared.
pub fn prepare(state: &StateDir, user: Option<&DatabaseUser>) -> Result<Binaries, Failure> {
    let binaries = check(state, user)?;
    let is_new = version_of(&state.data()).is_none();
    if is_new {
        database_user::make_private(&state.postgres(), user)?;
    }
    database_user::make_private(&socket::folder(state), user)?;
    if is_new {
        create(state, &binaries, user)?;
    }
    Ok(binaries)
}

/// Whether a server can run here, without making anything; gives the programs that can run it.
///
/// # Errors
/// When there is no Postgres, none of the cluster's version, or its user cannot use the folder.
pub fn check(state: &StateDir, user: Option<&DatabaseUser>) -> Result<Binaries, Failure> {
    let found = version_of(&state.data());
    let binaries = Binaries::find(found)?;
    match found {
        Some(major) if major != binaries.major => return Err(other_version(state, major, &binaries)),
        Some(_) => check_owner(&state.data(), user)?,
        None => database_user::check_has_name()?,
    }
    database_user::check_reach(&state.postgres(), user)?;
    Ok(binaries)
}

/// Postgres refuses data of another user, and data that others may read.
fn check_owner(data: &Path, user: Option<&DatabaseUser>) -> Result<(), Failure> {
    let found = fs::metadata(data)
        .map_err(|error| Failure::io(format!("cannot look at the database in {}", data.display()), &error))?;
    let uid = user.map_or_else(|| geteuid().as_raw(), |user| user.uid);
    let name = user.map_or_else(|| format!("user {uid}"), |user| format!("user `{}`", user.name));
    if found.uid() != uid {
        return Err(Failure::failed(format!(
            "the database in {} belongs to user {}, but is to be run by {name}",
            data.display(),
            found.uid()
        ))
        .hint("give it back to its user with chown -R, or choose another folder with --state-dir or BATCHSWEEP_STATE_DIR"));
    }
    if found.mode() & 0o027 != 0 {
        return Err(Failure::failed(format!("others may use the database in {}", data.display()))
            .hint(format!("close it with: chmod 700 {}", data.display())));
    }
    Ok(())
}

/// The major version that a cluster was made by; `None` where there is no cluster.
fn version_of(data: &Path) -> Option<u32> {
    fs::read_to_string(data.join("PG_VERSION")).ok()?.trim().parse().ok()
}

fn other_version(state: &StateDir, major: u32, binaries: &Binaries) -> Failure {
    let data = state.data();
    let data = data.display();
    Failure::failed(format!(
        "the database in {data} was made by PostgreSQL {major}, but only PostgreSQL {} is installed",
        binaries.version
    ))
    .hint(format!(
        "install PostgreSQL {major} beside it (apt-get install postgresql-{major}), move the data over with \
         {}/pg_upgrade, or start afresh with: mv {data} {data}.{major}",
        binaries.folder.display()
    ))
}

/// Makes the cluster under another name and gives it its own at the end, so that one cut short is never taken for one.
fn create(state: &StateDir, binaries: &Binaries, user: Option<&DatabaseUser>) -> Result<(), Failure> {
    let (data, unfinished) = (state.data(), state.postgres().join("data.new"));
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)
            .map_err(|error| Failure::io(format!("cannot remove {}", unfinished.display()), &error))?;
    }
    let mut initdb = command(binaries, "initdb", user);
    initdb.arg("--pgdata").arg(&unfinished).args([
        "--username=batchsweep_owner",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--no-instructions",
        // What is kept of the log is counted in these (MiB); the usual 16 are for larger databases.
        "--wal-segsize=4",
    ]);
    run(initdb, "", state)?;
    // Single-user mode needs no socket and no wait.
    let mut single = command(binaries, "postgres", user);
    single.args(["--single", "-D"]).arg(&unfinished).arg("postgres");
    run(single, "create database batchsweep;\n", state)?;
    fs::rename(&unfinished, &data)
        .map_err(|error| Failure::io(format!("cannot make {}", data.display()), &error))
}

fn command(binaries: &Binaries, program: &str, user: Option<&DatabaseUser>) -> Command {
    let mut command = Command::new(binaries.program(program));
    for name in
        std::env::vars_os().map(|(name, _)| name).filter(|name| launch::is_foreign(&name.to_string_lossy()))
    {
        command.env_remove(name);
    }
    command
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    command
}

fn run(mut command: Command, input: &str, state: &StateDir) -> Result<(), Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let go = |command: &mut Command| {
        let mut child = command.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes())?;
        }
        child.wait_with_output()
    };
    let Output { status, stdout, stderr } =
        go(&mut command).map_err(|error| Failure::io(format!("cannot run {program}"), &error))?;
    if status.success() {
        return Ok(());
    }
    let log = state.log("postgres");
    let said = [stdout, stderr].concat();
    let _ = fs::write(&log, &said);
    Err(Failure::failed(format!("{program} failed ({status}):\n{}", launch::log_since(&log, 0)))
        .hint(format!("all it said is in {}", log.display())))
}
