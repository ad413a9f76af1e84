//! One process of the stack, kept running: what ends is started again, a little later each time, and given up where it
//! keeps ending.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::failure::{Exit, Failure};
use crate::local::launch::{self, Launch};
use crate::local::process::ProcessId;

/// A process that ended by itself and lived for less counts as one that cannot start.
const LIVED: Duration = Duration::from_secs(3);

/// So many starts in a row may fail.
const FAILED_STARTS: u32 = 4;

/// So many restarts are allowed in all: more than anybody's kills, fewer than a loop.
const RESTARTS: u32 = 50;

/// The wait before a restart; each further one of a process that did not live doubles it, up to 16 times this.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// A process and how to start it again.
#[derive(Debug)]
pub struct Service {
    /// Such as `worker local-0`.
    pub name: String,
    /// How to start it.
    pub launch: Launch,
    /// What asks it to stop.
    pub stop_signal: Signal,
    child: Child,
    started: Instant,
    log_start: u64,
    is_ready: bool,
    failed_starts: u32,
    short_lives: u32,
    restarts: u32,
    restart_at: Option<Instant>,
}

/// What became of a service.
#[derive(Debug)]
pub enum Event {
    /// It ended and is started again; the text says how it ended.
    Restarted(String),
    /// It keeps ending.
    GaveUp(Failure),
}

impl Service {
    /// Starts it.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(name: &str, launch: Launch, stop_signal: Signal) -> Result<Self, Failure> {
        let log_start = launch::log_end(&launch.log);
        let child = launch.spawn()?;
        Ok(Self {
            name: name.to_owned(),
            launch,
            stop_signal,
            child,
            started: Instant::now(),
            log_start,
            is_ready: false,
            failed_starts: 0,
            short_lives: 0,
            restarts: 0,
            restart_at: None,
        })
    }

    /// The process as it is now; `None` when it has ended.
    #[must_use]
    pub fn process(&self) -> Option<ProcessId> {
        ProcessId::of(self.child.id())
    }

    /// It has shown that it can start.
    pub fn is_ready(&mut self) {
        self.is_ready = true;
    }

    /// How long its log was when it started.
    #[must_use]
    pub fn log_start(&self) -> u64 {
        self.log_start
    }

    /// How it ended; `None` while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Looks after it; to be called a few times a second.
    pub fn tend(&mut self, now: Instant) -> Option<Event> {
        if let Some(at) = self.restart_at {
            return if now >= at { self.restart(now) } else { None };
        }
        let status = self.ended()?;
        let lived = self.started.elapsed() >= LIVED;
        // A process that says by itself that it cannot start will say so again.
        if self.restarts == 0 && !lived && !self.is_ready && status.code().is_some_and(|code| code != 0) {
            return Some(self.give_up(now, self.cannot_run(status)));
        }
        // Whoever kills it does not show that it cannot start.
        self.failed_starts = if lived || was_killed(status) { 0 } else { self.failed_starts + 1 };
        self.short_lives = if lived { 0 } else { self.short_lives + 1 };
        self.restarts += 1;
        if self.failed_starts >= FAILED_STARTS || self.restarts > RESTARTS {
            return Some(self.give_up(now, self.cannot_run(status)));
        }
        self.restart_at = Some(now + self.wait());
        Some(Event::Restarted(format!("{} {}; it is started again", self.name, describe(status))))
    }

    fn wait(&self) -> Duration {
        FIRST_WAIT * 2u32.pow(self.short_lives.saturating_sub(1).min(4))
    }

    fn give_up(&mut self, now: Instant, failure: Failure) -> Event {
        // Nothing more is done about it: far in the future.
        self.restart_at = Some(now + Duration::from_secs(u32::MAX.into()));
        Event::GaveUp(failure)
    }

    /// Why it is given up.
    #[must_use]
    pub fn cannot_run(&self, status: ExitStatus) -> Failure {
        let said = launch::log_since(&self.launch.log, self.log_start);
        let said = if said.is_empty() { String::new() } else { format!(":\n{said}") };
        Failure::new(Exit::Failed, format!("the {} {}{said}", self.name, describe(status)))
            .hint(format!("its log is {}", self.launch.log.display()))
    }

    fn restart(&mut self, now: Instant) -> Option<Event> {
        self.restart_at = None;
        self.log_start = launch::log_end(&self.launch.log);
        match self.launch.spawn() {
            Ok(child) => {
                self.child = child;
                self.started = Instant::now();
                None
            }
            // What is in the way, such as the one before it, may be gone in a moment.
            Err(failure) => {
                self.failed_starts += 1;
                self.short_lives += 1;
                if self.failed_starts >= FAILED_STARTS {
                    return Some(self.give_up(now, failure));
                }
                self.restart_at = Some(now + self.wait());
                None
            }
        }
    }

    /// Sends the process its stop signal; does nothing where it does not run.
    pub fn ask_to_stop(&mut self) {
        if let Some(process) = self.process() {
            process.signal(self.stop_signal);
        }
    }

    /// Waits until it has ended, and after `patience` ends it; a database is never killed.
    pub async fn stopped(&mut self, patience: Duration) {
        if let Some(process) = self.process()
            && !process.ended_within(patience).await
        {
            process.signal(if self.stop_signal == Signal::SIGINT {
                Signal::SIGQUIT
            } else {
                Signal::SIGKILL
            });
            process.ended_within(Duration::from_secs(5)).await;
        }
        // Reaped, so that no zombie is left for as long as this command runs.
        let _ = self.child.try_wait();
    }
}

/// Whether somebody else ended it, by kill or by asking it to stop.
fn was_killed(status: ExitStatus) -> bool {
    let signals = [Signal::SIGKILL, Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP];
    status.success()
        || status.signal().is_some_and(|signal| signals.iter().any(|&known| known as i32 == signal))
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (_, Some(9)) => "was killed (signal 9)".to_owned(),
        (_, Some(signal)) => format!("was ended by signal {signal}"),
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, None) => "ended".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn shell(folder: &Path, script: &str) -> Service {
        let launch = Launch {
            program: "/bin/sh".into(),
            arguments: ["-c".into(), script.into()].into(),
            log: folder.join("shell.log"),
            life: folder.join("shell.alive"),
            before: None,
            user: None,
            dies_with_us: None,
        };
        Service::start("shell", launch, Signal::SIGTERM).unwrap()
    }

    /// Tends a service, at a clock that runs ahead, until something is said about it.
    fn next_event(service: &mut Service, now: &mut Instant) -> Event {
        for _ in 0..10_000 {
            *now += Duration::from_millis(10);
            if let Some(event) = service.tend(*now) {
                return event;
            }
            std::thread::yield_now();
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("nothing was said");
    }

    #[test]
    fn a_killed_process_is_started_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut service = shell(folder.path(), "exec sleep 1000");
        let first = service.process().unwrap();
        let mut now = Instant::now();
        first.signal(Signal::SIGKILL);
        assert!(
            matches!(next_event(&mut service, &mut now), Event::Restarted(text) if text.contains("signal 9"))
        );
        while service.process().is_none_or(|process| process == first) {
            now += Duration::from_secs(1);
            assert!(service.tend(now).is_none());
        }
        service.process().unwrap().signal(Signal::SIGKILL);
        service.child.wait().unwrap();
    }

    #[test]
    fn a_process_that_cannot_start_is_given_up_with_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let mut service = shell(folder.path(), "echo no such device >&2; exit 3");
        match next_event(&mut service, &mut Instant::now()) {
            Event::GaveUp(failure) => {
                assert_eq!(failure.message, "the shell ended with exit code 3:\nno such device");
            }
            Event::Restarted(text) => panic!("{text}"),
        }
    }

    #[test]
    fn a_process_that_keeps_crashing_is_given_up_after_a_few_tries() {
        let folder = tempfile::tempdir().unwrap();
        let mut service = shell(folder.path(), "kill -SEGV $$");
        let mut now = Instant::now();
        for _ in 1..FAILED_STARTS {
            assert!(matches!(next_event(&mut service, &mut now), Event::Restarted(_)));
        }
        assert!(matches!(next_event(&mut service, &mut now), Event::GaveUp(_)));
    }

    #[test]
    fn a_process_that_is_killed_again_and_again_is_started_again_for_longer() {
        let folder = tempfile::tempdir().unwrap();
        let mut service = shell(folder.path(), "kill -9 $$");
        let mut now = Instant::now();
        for _ in 0..3 * FAILED_STARTS {
            assert!(matches!(next_event(&mut service, &mut now), Event::Restarted(_)));
        }
        while service.tend(now).is_none_or(|event| !matches!(event, Event::GaveUp(_))) {
            now += Duration::from_secs(1);
            assert!(service.restarts <= RESTARTS + 1);
        }
    }
}
