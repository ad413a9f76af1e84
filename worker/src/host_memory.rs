//! The host's memory: what it has, and what it can still give.

use std::fs;

/// The size of the host's memory, or of what its control group allows, in bytes; `None` where the system does not say.
#[must_use]
pub fn total_bytes() -> Option<u64> {
    [meminfo("MemTotal:"), cgroup_limit()].into_iter().flatten().min()
}

/// What the host, and its control group, can still give, in bytes; `None` where the system does not say.
#[must_use]
pub fn available_bytes() -> Option<u64> {
    let group = cgroup_limit().map(|limit| limit.saturating_sub(cgroup_used().unwrap_or(0)));
    [meminfo("MemAvailable:"), group].into_iter().flatten().min()
}

fn meminfo(key: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Version 2, then version 1, of the control group that this process sees as its root. "max" is no limit.
fn cgroup_limit() -> Option<u64> {
    read_number("/sys/fs/cgroup/memory.max")
        .or_else(|| read_number("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
        // Version 1 says "no limit" as the largest number of whole pages.
        .filter(|&limit| limit < 1 << 60)
}

fn cgroup_used() -> Option<u64> {
    read_number("/sys/fs/cgroup/memory.current")
        .or_else(|| read_number("/sys/fs/cgroup/memory/memory.usage_in_bytes"))
}

fn read_number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_says_how_much_memory_it_has() {
        let (total, available) = (total_bytes().unwrap(), available_bytes().unwrap());
        assert!(available <= total && total > 1 << 26, "{available} of {total}");
    }
}
