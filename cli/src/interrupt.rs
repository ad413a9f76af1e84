//! Ctrl-C, a polite request to end, and a terminal that went away, as events.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::context::block_on;
use crate::failure::{Exit, Failure};

/// What asked this command to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// Ctrl-C, or SIGTERM.
    Asked,
    /// The terminal went away: nobody is there to ask a second time.
    HungUp,
}

/// How long the command may be too busy to take one, before the next one ends it at once.
const PATIENCE: Duration = Duration::from_millis(500);

/// SIGINT, SIGTERM and SIGHUP from now on come here instead of ending this command. Where it is too busy to take one, a further
/// one ends it at once.
#[derive(Debug)]
pub struct Interrupts {
    received: mpsc::UnboundedReceiver<Interrupt>,
    waiting_since: Arc<Mutex<Option<Instant>>>,
}

impl Interrupts {
    /// Starts to listen, on a thread of its own: the command's may be busy.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn listen() -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::io("cannot listen for Ctrl-C", &error);
        let (sender, received) = mpsc::unbounded_channel();
        let waiting_since = Arc::new(Mutex::new(None));
        let (ready, is_ready) = std::sync::mpsc::channel();
        let waiting = Arc::clone(&waiting_since);
        let listening = std::thread::Builder::new().name("interrupts".to_owned()).spawn(move || {
            let done = block_on(async {
                let signals = Signals::open();
                let _ = ready.send(signals.as_ref().map(|_| ()).map_err(std::io::Error::kind));
                let Ok(mut signals) = signals else { return Ok(()) };
                loop {
                    let interrupt = signals.next().await;
                    let since = *waiting
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .get_or_insert_with(Instant::now);
                    if since.elapsed() > PATIENCE {
                        // What it started ends with it.
                        std::process::exit(Exit::Interrupted as i32);
                    }
                    if sender.send(interrupt).is_err() {
                        return Ok(());
                    }
                }
            });
            drop::<Result<(), Failure>>(done);
        });
        listening.map_err(failed)?;
        match is_ready.recv() {
            Ok(Err(kind)) => Err(failed(kind.into())),
            _ => Ok(Self { received, waiting_since }),
        }
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Interrupt {
        let next = self.received.recv().await;
        *self.waiting_since.lock().unwrap_or_else(PoisonError::into_inner) = None;
        match next {
            Some(interrupt) => interrupt,
            // Nobody sends any more; then there is none to wait for.
            None => std::future::pending().await,
        }
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Option<Signal>,
}

impl Signals {
    fn open() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            // `nohup batchsweep run` is to go on when the terminal goes.
            hang_up: if is_hang_up_ignored() { None } else { Some(signal(SignalKind::hangup())?) },
        })
    }

    async fn next(&mut self) -> Interrupt {
        let hang_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Interrupt::Asked,
            _ = self.terminate.recv() => Interrupt::Asked,
            _ = hang_up => Interrupt::HungUp,
        }
    }
}

/// Whether whoever started this command had it ignore SIGHUP, as `nohup` does.
fn is_hang_up_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    // The first signal is the lowest bit.
    mask >> (nix::libc::SIGHUP - 1) & 1 == 1
}
