//! Starts the parts of a stack that do not run yet, from the bottom up.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::failure::{Exit, Failure};
use crate::local::database_user::DatabaseUser;
use crate::local::launch::{self, Launch};
use crate::local::options::{Lifetime, StackOptions, Workers};
use crate::local::parts::{COORDINATOR, DATABASE, Parts, WORKER_PREFIX};
use crate::local::record::Record;
use crate::local::service::{Event, Service};
use crate::local::{StateDir, life, page, postgres, programs, socket};
use crate::talk::Talk;

/// The file in which the coordinator says where it serves; it is there once that does.
pub const ADDRESS_FILE: &str = "coordinator.address";

/// Starts parts of one stack.
pub struct Starter<'a> {
    /// Where it lives.
    pub state: &'a StateDir,
    /// Whether what is started outlives this command.
    pub lifetime: Lifetime,
    /// How much is said.
    pub talk: Talk,
    /// What is started goes here, as soon as it is.
    pub parts: &'a Parts,
}

impl Starter<'_> {
    fn dies_with_us(&self) -> Option<Signal> {
        (self.lifetime == Lifetime::WithUs).then_some(Signal::SIGTERM)
    }

    /// Starts the database and the coordinator where they do not run yet; `record` shows them, also where something does not
    /// start.
    ///
    /// # Errors
    /// When a part cannot be found or does not start.
    pub async fn core(&self, options: &StackOptions, record: &mut Record) -> Result<(), Failure> {
        let socket_folder = self.postgres(record).await?;
        if record.coordinator.is_none() {
            // One that is there for a single question has nothing to show.
            self.coordinator(&socket_folder, options.workers.is_some(), record).await?;
        }
        Ok(())
    }

    /// A running Postgres; gives the folder of its socket.
    async fn postgres(&self, record: &mut Record) -> Result<PathBuf, Failure> {
        let start = Instant::now();
        let user = DatabaseUser::needed()?;
        if let Some(server) = self.leftover_server().await {
            return Ok(server.socket_folder);
        }
        if !self.state.has_database() {
            self.talk.say(format_args!("making a database in {} (once)", self.state.postgres().display()));
        }
        let binaries = postgres::prepare(self.state, user.as_ref())?;
        let launch = postgres::launch(self.state, &binaries, user, self.lifetime == Lifetime::WithUs);
        let service = Service::start(DATABASE, launch, postgres::stop_signal())?;
        let log_start = service.log_start();
        self.parts.add(service, record, self.state)?;
        let server = postgres::wait_until_ready(self.state, log_start).await?;
        self.talk.detail(format_args!(
            "started PostgreSQL {} in {} ms",
            binaries.version,
            start.elapsed().as_millis()
        ));
        Ok(server.socket_folder)
    }

    /// A server that runs already and goes on running. One that is stopping, because the command that started it was
    /// killed, is waited for.
    async fn leftover_server(&self) -> Option<postgres::Server> {
        const LIMIT: Duration = Duration::from_secs(30);
        let server = postgres::running(self.state)?;
        let start = Instant::now();
        while start.elapsed() < LIMIT {
            let now = postgres::running(self.state)?;
            if now.is_ready {
                self.talk.detail(format_args!("using the Postgres that runs (process {})", now.process.pid));
                return Some(now);
            }
            if !server.process.is_alive() {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        None
    }

    async fn coordinator(
        &self,
        socket_folder: &Path,
        shows_page: bool,
        record: &mut Record,
    ) -> Result<(), Failure> {
        let start = Instant::now();
        let address_file = self.state.file(ADDRESS_FILE);
        let page_file = page::address_file(self.state);
        let page_listen = if shows_page { page::listen(&page_file) } else { "off".to_owned() };
        let _ = fs::remove_file(&address_file);
        // Workers that still run, and commands that follow a sweep, know the old address.
        let listen = page::listen_again(&record.url);
        let mut arguments: Vec<OsString> = vec![
            "serve".into(),
            "--database-url".into(),
            socket::url(socket_folder, "batchsweep_owner").into(),
            "--reader-database-url".into(),
            socket::url(socket_folder, "batchsweep_reader").into(),
            "--address-file".into(),
            address_file.clone().into_os_string(),
            // Other users of this machine reach its ports too.
            "--admin-token-file".into(),
            self.token()?.into_os_string(),
            "--http-address-file".into(),
            page_file.clone().into_os_string(),
            "--upload-store".into(),
            self.state.file("store").into_os_string(),
            "--lease-ttl=10s".into(),
            "--heartbeat-interval=1s".into(),
        ];
        arguments.extend([listen_flag("listen", &listen), listen_flag("http-listen", &page_listen)]);
        let launch = Launch {
            program: programs::find(programs::COORDINATOR)?,
            arguments,
            log: self.state.log("coordinator"),
            life: life::file(self.state, COORDINATOR),
            before: None,
            user: None,
            dies_with_us: self.dies_with_us(),
        };
        let service = Service::start(COORDINATOR, launch, Signal::SIGTERM)?;
        self.parts.add(service, record, self.state)?;
        record.url = self.address(&address_file).await?;
        // It is written before the other.
        record.page = if shows_page { page::address(&page_file) } else { String::new() };
        // Started again, it must be found where it was.
        let page_listen =
            if record.page.is_empty() { "off" } else { record.page.trim_start_matches("http://") };
        let listens = [
            listen_flag("listen", record.url.trim_start_matches("http://")),
            listen_flag("http-listen", page_listen),
        ];
        if let Some(service) = self.parts.lock().service(COORDINATOR) {
            service.is_ready();
            let arguments = &mut service.launch.arguments;
            arguments.truncate(arguments.len().saturating_sub(listens.len()));
            arguments.extend(listens);
        }
        self.talk.detail(format_args!(
            "started the coordinator at {} in {} ms",
            record.url,
            start.elapsed().as_millis()
        ));
        Ok(())
    }

    /// The file with the token of this stack, which only this user may read; made where there is none.
    fn token(&self) -> Result<PathBuf, Failure> {
        let file = self.state.token();
        if !file.exists() {
            let token = proto::Token::random().and_then(|token| token.write_new(&file));
            token.map_err(|error| Failure::io(format!("cannot write {}", file.display()), &error))?;
        }
        Ok(file)
    }

    /// Waits for the address that the coordinator writes once it serves. Somebody may kill it meanwhile: then it is started
    /// again.
    async fn address(&self, file: &Path) -> Result<String, Failure> {
        const LIMIT: Duration = Duration::from_secs(60);
        let start = Instant::now();
        loop {
            let text = fs::read_to_string(file).unwrap_or_default();
            let is_whole = text.trim().rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
            if is_whole && text.starts_with("http://") {
                return Ok(text.trim().to_owned());
            }
            if let Some(service) = self.parts.lock().service(COORDINATOR) {
                if let Some(Event::GaveUp(failure)) = service.tend(Instant::now()) {
                    return Err(Failure { exit: Exit::Unreachable, ..failure });
                }
                if start.elapsed() > LIMIT {
                    let said = launch::log_since(&service.launch.log, service.log_start());
                    return Err(Failure::new(
                        Exit::Unreachable,
                        format!("the coordinator does not get ready:\n{said}"),
                    )
                    .hint(format!("its log is {}", service.launch.log.display())));
                }
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }

    /// Starts the workers where there are none, else those that were lost.
    ///
    /// # Errors
    /// When the program cannot be found or started.
    pub fn workers(&self, workers: &Workers, record: &mut Record) -> Result<(), Failure> {
        let program = programs::find(programs::WORKER)?;
        // Those of this command's own are started again anyway.
        let (is_new, own) = (record.workers.is_empty(), self.parts.names());
        for (index, device) in workers.devices.iter().enumerate() {
            let name = worker_name(index);
            if !(is_new || record.lost.contains(&name)) || own.contains(&format!("{WORKER_PREFIX}{name}")) {
                continue;
            }
            let mut arguments: Vec<OsString> = vec![
                format!("--coordinator={}", record.url).into(),
                format!("--name={name}").into(),
                format!("--device={device}").into(),
                format!("--threads={}", workers.threads).into(),
                "--allow-code".into(),
                "--spool-dir".into(),
                self.state.file("spool").into_os_string(),
                "--upload-dir".into(),
                self.state.file("uploads").into_os_string(),
                "--checkpoint-store".into(),
                self.state.file("store").into_os_string(),
            ];
            // A coordinator that an earlier version started asks for none.
            let token = Some(self.state.token()).filter(|token| token.exists());
            arguments
                .extend(token.into_iter().flat_map(|token| ["--token-file".into(), token.into_os_string()]));
            let python = workers.python.clone().into_iter();
            arguments.extend(python.flat_map(|python| ["--python".into(), python.into_os_string()]));
            arguments
                .extend(workers.memory_limit.iter().map(|limit| format!("--memory-limit={limit}").into()));
            let launch = Launch {
                program: program.clone(),
                arguments,
                log: self.state.log(&format!("worker-{name}")),
                life: life::file(self.state, &format!("worker-{name}")),
                before: None,
                user: None,
                dies_with_us: self.dies_with_us(),
            };
            let service = Service::start(&format!("{WORKER_PREFIX}{name}"), launch, Signal::SIGTERM)?;
            self.parts.add(service, record, self.state)?;
        }
        Ok(())
    }
}

/// The name of a local worker.
fn worker_name(index: usize) -> String {
    format!("local-{index}")
}

fn listen_flag(name: &str, address: &str) -> OsString {
    format!("--{name}={address}").into()
}
