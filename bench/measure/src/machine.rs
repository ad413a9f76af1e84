//! What the numbers belong to, and whether the machine had time for them.

use std::fs;
use std::io;
use std::thread::sleep;
use std::time::Duration;

/// The head of a report: what machine, and whether it was busy with something else, over the second that this takes.
///
/// # Errors
/// When the system does not say.
pub fn describe() -> io::Result<String> {
    let busy = busy_cores()?;
    let cores = std::thread::available_parallelism()?;
    let mut told = format!(
        "- CPU: {}, {cores} cores\n- Cores busy with something else before the start: {busy:.2}",
        cpu_model()
    );
    if busy > 0.2 {
        told.push_str("\n- **The machine was busy: do not trust these numbers.**");
    }
    Ok(told)
}

/// The processor, for people.
fn cpu_model() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    model.unwrap_or("unknown").trim_start_matches(['\t', ' ', ':']).to_owned()
}

/// Cores that were busy over a second, on the average. The load average would still tell of the build just ended.
fn busy_cores() -> io::Result<f64> {
    let before = CpuTime::read(&fs::read_to_string("/proc/stat")?);
    sleep(Duration::from_secs(1));
    let after = CpuTime::read(&fs::read_to_string("/proc/stat")?);
    let cores = std::thread::available_parallelism()?.get() as f64;
    Ok(cores * before.busy_share_until(after))
}

/// Ticks since the start of the machine, of all cores.
#[derive(Debug, Clone, Copy, PartialEq)]
struct CpuTime {
    all: u64,
    idle: u64,
}

impl CpuTime {
    /// From the first line of /proc/stat: user, nice, system, idle, waiting for a disk, and kinds of interrupts.
    fn read(stat: &str) -> Self {
        let line = stat.lines().next().unwrap_or_default();
        let ticks: Vec<u64> =
            line.split_whitespace().filter_map(|field| field.parse().ok()).take(8).collect();
        Self { all: ticks.iter().sum(), idle: ticks.iter().skip(3).take(2).sum() }
    }

    fn busy_share_until(self, later: Self) -> f64 {
        let (all, idle) = (later.all.saturating_sub(self.all), later.idle.saturating_sub(self.idle));
        1.0 - idle as f64 / all.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_is_what_is_neither_idle_nor_waiting() {
        let before = CpuTime::read("cpu  100 0 50 800 50 0 0 0 7 7\ncpu0 1 1 1 1");
        assert_eq!(before, CpuTime { all: 1000, idle: 850 });
        let after = CpuTime::read("cpu  150 10 90 850 100 0 0 0 7 7");
        assert_eq!(before.busy_share_until(after), 0.5);
    }
}
