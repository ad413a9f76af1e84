//! The private Postgres, for real: made, started, found running, stopped, started again.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what went wrong by ending")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use cli::local::database_user::DatabaseUser;
use cli::local::postgres::{self, Server};
use cli::local::service::Service;
use cli::local::{StateDir, socket, stopping};
use cli::talk::Talk;
use nix::sys::signal::Signal;
use tempfile::TempDir;

/// A state folder that the database's user can reach.
fn state() -> (TempDir, StateDir) {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let state = StateDir::resolve(Some(&folder.path().join("state"))).unwrap();
    state.create().unwrap();
    (folder, state)
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Prepares and starts the server as the stack does.
fn start(state: &StateDir) -> (Service, Server) {
    let user = DatabaseUser::needed().unwrap();
    let binaries = postgres::prepare(state, user.as_ref()).unwrap();
    let launch = postgres::launch(state, &binaries, user, true);
    let service = Service::start("Postgres", launch, postgres::stop_signal()).unwrap();
    let server = wait(postgres::wait_until_ready(state, service.log_start())).unwrap();
    (service, server)
}

fn stop(mut service: Service) {
    service.ask_to_stop();
    wait(service.stopped(Duration::from_secs(60)));
    assert!(service.process().is_none());
}

/// Runs a statement through the socket, with Postgres's own client.
fn sql(server: &Server, statement: &str) -> String {
    let url = socket::url(&server.socket_folder, "batchsweep_owner");
    let output = Command::new("psql").args([&url, "-AtXc", statement]).output().expect("psql is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_database_is_made_once_and_survives_a_restart() {
    let (_folder, state) = state();
    assert!(!state.has_database());
    assert_eq!(postgres::running(&state), None);
    let (service, server) = start(&state);
    assert!(state.has_database());
    assert_eq!(sql(&server, "show fsync"), "on");
    assert_eq!(sql(&server, "show listen_addresses"), "");
    assert_eq!(sql(&server, "show server_encoding"), "UTF8");
    sql(&server, "create table kept (value text); insert into kept values ('here')");

    // Another command finds it running.
    assert_eq!(postgres::running(&state).as_ref(), Some(&server));

    stop(service);
    assert_eq!(postgres::running(&state), None);
    let (service, server) = start(&state);
    assert_eq!(sql(&server, "select value from kept"), "here");
    stop(service);
}

#[test]
fn a_pid_file_that_names_another_clusters_server_is_stale() {
    let ((_folder, state), (_other_folder, other)) = (state(), state());
    let (running, other_server) = start(&other);
    let (service, _) = start(&state);
    stop(service);
    let text = fs::read_to_string(other.data().join("postmaster.pid")).unwrap();
    let text = text.replace(&*other.path().to_string_lossy(), &state.path().to_string_lossy());
    fs::write(state.data().join("postmaster.pid"), &text).unwrap();
    let lock = socket::folder(&state).join(format!("{}.lock", socket::file_name()));
    fs::write(lock, &text).unwrap();
    assert_eq!(postgres::running(&state), None);
    assert!(!wait(stopping::everything(&state, Talk::Quiet)).unwrap());
    assert!(other_server.process.is_alive());
    let (service, server) = start(&state);
    assert_ne!(server.process, other_server.process);
    assert!(other_server.process.is_alive());
    stop(service);
    stop(running);
}

#[test]
fn a_server_that_was_killed_and_is_not_reaped_is_in_nobodys_way() {
    let (_folder, state) = state();
    let (killed, server) = start(&state);
    server.process.signal(Signal::SIGKILL);
    assert!(wait(server.process.ended_within(Duration::from_secs(10))));
    assert_eq!(postgres::running(&state), None);
    // Nobody has waited for the first one: its process is a zombie with the pid that the pid file names.
    assert!(Path::new(&format!("/proc/{}", server.process.pid)).exists());
    let (service, _) = start(&state);
    stop(service);
    drop(killed);
}

#[test]
fn data_that_others_may_read_is_named_before_postgres_refuses_it() {
    let (_folder, state) = state();
    let user = DatabaseUser::needed().unwrap();
    postgres::prepare(&state, user.as_ref()).unwrap();
    fs::set_permissions(state.data(), fs::Permissions::from_mode(0o755)).unwrap();
    let failure = postgres::check(&state, user.as_ref()).unwrap_err();
    assert!(failure.hint.unwrap().starts_with("close it with: chmod 700 "), "{}", failure.message);
}

#[test]
fn only_the_database_user_may_enter_the_socket_folder() {
    let (_folder, state) = state();
    let (service, server) = start(&state);
    let mode = fs::metadata(&server.socket_folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    stop(service);
}

#[test]
fn a_deep_state_folder_works_through_a_short_socket() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let state = StateDir::resolve(Some(&folder.path().join("deep/".repeat(20)))).unwrap();
    state.create().unwrap();
    let (service, server) = start(&state);
    assert_eq!(sql(&server, "select 1"), "1");
    let short = server.socket_folder.clone();
    stop(service);
    fs::remove_dir_all(short).unwrap();
}

#[test]
fn a_database_of_another_version_is_told_with_a_way_out() {
    let (_folder, state) = state();
    let user = DatabaseUser::needed().unwrap();
    postgres::prepare(&state, user.as_ref()).unwrap();
    fs::write(state.data().join("PG_VERSION"), "9\n").unwrap();
    let failure = postgres::prepare(&state, user.as_ref()).unwrap_err();
    assert!(failure.message.contains("made by PostgreSQL 9"), "{}", failure.message);
    assert!(failure.hint.unwrap().contains("pg_upgrade"));
}

#[test]
fn a_database_cut_short_while_it_was_made_is_made_again() {
    let (_folder, state) = state();
    fs::create_dir_all(state.postgres().join("data.new/base")).unwrap();
    let user = DatabaseUser::needed().unwrap();
    postgres::prepare(&state, user.as_ref()).unwrap();
    assert!(state.has_database());
    assert!(!state.postgres().join("data.new").exists());
}

#[test]
fn a_folder_that_the_database_user_cannot_reach_is_named() {
    let Some(user) = DatabaseUser::needed().unwrap() else { return };
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let state = StateDir::resolve(Some(&folder.path().join("state"))).unwrap();
    let failure = postgres::prepare(&state, Some(&user)).unwrap_err();
    assert!(
        failure.message.contains(&format!("cannot enter {}", folder.path().display())),
        "{}",
        failure.message
    );
}
