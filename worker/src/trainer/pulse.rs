//! Shows the agent that this trainer works: not that its process lives, but that work gets done.
//!
//! Whatever takes long in a trainer is a series of short things (micro-batches, pieces of a file), and each [`beat`]s.
//! A thread tells the agent once a second, if there was a beat since.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Work done by this process; the number says nothing but that it changes.
static BEATS: AtomicU64 = AtomicU64::new(0);

/// How often the agent is told at most.
const INTERVAL: Duration = Duration::from_secs(1);

/// A piece of work is done.
pub fn beat() {
    BEATS.fetch_add(1, Ordering::Relaxed);
}

/// Calls `tell` at most once a second, and only after a beat, until it says that nobody listens.
pub fn watch(mut tell: impl FnMut() -> bool + Send + 'static) {
    thread::spawn(move || {
        let mut seen = 0;
        loop {
            thread::sleep(INTERVAL);
            let beats = BEATS.load(Ordering::Relaxed);
            if beats != seen && !tell() {
                return;
            }
            seen = beats;
        }
    });
}
