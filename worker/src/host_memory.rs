//! The host's memory: what it has, and what it can still give.

use std::fs;
use std::path::{Path, PathBuf};

/// The size of the host's memory, or of what its control groups allow, in bytes; `None` where the system does not say.
#[must_use]
pub fn total_bytes() -> Option<u64> {
    let groups = groups().into_iter().map(|group| group.limit);
    meminfo("MemTotal:").into_iter().chain(groups).min()
}

/// What the host and its control groups can still give, in bytes; `None` where the system does not say.
#[must_use]
pub fn available_bytes() -> Option<u64> {
    let groups = groups().into_iter().map(|group| group.limit.saturating_sub(group.used));
    meminfo("MemAvailable:").into_iter().chain(groups).min()
}

fn meminfo(key: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// A control group that limits memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Group {
    limit: u64,
    /// Without what the kernel gives back before it refuses memory.
    used: u64,
}

/// The names of the files that describe a group's memory.
#[derive(Debug, Clone, Copy)]
struct Names {
    limit: &'static str,
    used: &'static str,
    /// Within `memory.stat`: pages of files that are not in use.
    spare: &'static str,
}

const VERSION_1: Names =
    Names { limit: "memory.limit_in_bytes", used: "memory.usage_in_bytes", spare: "total_inactive_file" };
const VERSION_2: Names = Names { limit: "memory.max", used: "memory.current", spare: "inactive_file" };

/// Version 1 says "no limit" as the largest number of whole pages.
const NO_LIMIT: u64 = 1 << 60;

/// The groups that limit this process: its own and all that contain it, since each limits what is in it.
fn groups() -> Vec<Group> {
    let listed = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    groups_in(&listed, Path::new("/sys/fs/cgroup"))
}

fn groups_in(listed: &str, root: &Path) -> Vec<Group> {
    let mut groups = Vec::new();
    for line in listed.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let (root, names) = match controllers {
            "" => (root.to_owned(), VERSION_2),
            _ if controllers.split(',').any(|name| name == "memory") => (root.join("memory"), VERSION_1),
            _ => continue,
        };
        let own: PathBuf = root.join(path.trim_start_matches('/'));
        // A container may see only its own group, as the root, under the path that it has outside.
        let within = own.ancestors().take_while(|folder| folder.starts_with(&root));
        groups.extend(within.filter_map(|folder| group(folder, names)));
    }
    groups
}

/// `None` where the folder is no group, or one without a limit.
fn group(folder: &Path, names: Names) -> Option<Group> {
    let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let number = |name: &str| read(name)?.trim().parse::<u64>().ok();
    // "max" is no number.
    let limit = number(names.limit).filter(|&limit| limit < NO_LIMIT)?;
    let stat = read("memory.stat").unwrap_or_default();
    let spare = stat.lines().find_map(|line| line.strip_prefix(names.spare)?.trim().parse::<u64>().ok());
    Some(Group { limit, used: number(names.used).unwrap_or(0).saturating_sub(spare.unwrap_or(0)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_says_how_much_memory_it_has() {
        let (total, available) = (total_bytes().unwrap(), available_bytes().unwrap());
        assert!(available <= total && total > 1 << 26, "{available} of {total}");
    }

    fn folder_with(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        folder
    }

    #[test]
    fn every_group_around_this_process_limits_it() {
        let root = folder_with(&[
            ("memory.stat", "inactive_file 1\n"),
            ("jobs/memory.max", "4000\n"),
            ("jobs/memory.current", "3000\n"),
            ("jobs/memory.stat", "anon 7\ninactive_file 500\nactive_file 9\n"),
            ("jobs/one/memory.max", "max\n"),
            ("jobs/one/step/memory.max", "9000\n"),
            ("jobs/one/step/memory.current", "100\n"),
            ("jobs/other/memory.max", "1\n"),
        ]);
        let found = groups_in("0::/jobs/one/step\n", root.path());
        assert_eq!(found, [Group { limit: 9000, used: 100 }, Group { limit: 4000, used: 2500 }]);
    }

    #[test]
    fn a_container_finds_its_own_group_at_the_root() {
        let unlimited = u64::MAX.to_string();
        let root = folder_with(&[
            ("memory/memory.limit_in_bytes", "6000\n"),
            ("memory/memory.usage_in_bytes", "5000\n"),
            ("memory/memory.stat", "inactive_file 1\ntotal_inactive_file 1000\n"),
            ("memory/step/memory.limit_in_bytes", &unlimited),
        ]);
        let listed = "9:name=systemd:/docker/abc\n4:cpu,memory:/docker/abc\n0::/\n";
        assert_eq!(groups_in(listed, root.path()), [Group { limit: 6000, used: 4000 }]);
        assert_eq!(groups_in("4:memory:/step", root.path()), [Group { limit: 6000, used: 4000 }]);
    }
}
