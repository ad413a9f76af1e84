//! Every command of README.md and docs/ is run as it stands, in the order of its page, against a real stack; or is named
//! in [`ELSEWHERE`], with the reason.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::sandbox::{Sandbox, example};

/// Commands that cannot run here: page, how the command begins, why.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("README.md", "scripts/run ", "builds a release; its last line is `batchsweep run`, as tested here"),
    ("README.md", "scripts/setup", "installs Debian packages; scripts/test begins with it"),
    ("README.md", "cargo build --release", "scripts/test builds these programs"),
    ("README.md", "export PATH=", "this test's own PATH is that of the programs under test"),
    ("README.md", "scripts/test", "runs this test"),
    ("docs/GPU.md", "scripts/check-gpu", "needs an NVIDIA GPU, or packs a release build for one"),
    ("docs/GPU.md", "gpu-bundle/run", "needs an NVIDIA GPU; on the fake one: fake_cuda/bundle.rs"),
    ("docs/SECURITY.md", "export BATCHSWEEP_DATABASE_URL_FILE=", "names a server of one's own"),
    ("docs/SECURITY.md", "batchsweep-coordinator migrate", "coordinator: roles.rs"),
    ("docs/SECURITY.md", "psql ... ", "sets passwords of a server of one's own"),
    ("docs/SECURITY.md", "batchsweep-coordinator token create", "coordinator: token_command.rs"),
    ("docs/SECURITY.md", "batchsweep-coordinator serve", "security.rs, with the same flags on free ports"),
    ("docs/SECURITY.md", "batchsweep-worker ", "security.rs, with the same flags"),
    ("docs/SECURITY.md", "batchsweep submit ", "security.rs, with the same flags"),
];

/// Pages whose commands have tests of their own.
const PAGES_ELSEWHERE: &[(&str, &str)] =
    &[("docs/DEPLOY.md", "its commands are those of the tests that start the containers")];

/// What the pages take for granted: `mine.toml` and `query.sql` are the reader's own.
const QUERY: &str = "select sweep_name, status, count(*) from batchsweep.result group by 1, 2";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// README.md, then the pages of docs/ by name.
fn pages() -> Vec<(String, String)> {
    let mut names = vec!["README.md".to_owned()];
    let mut docs: Vec<String> = fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| format!("docs/{}", entry.unwrap().file_name().to_string_lossy()))
        .filter(|name| name.ends_with(".md"))
        .collect();
    docs.sort();
    names.append(&mut docs);
    names.into_iter().map(|name| (name.clone(), fs::read_to_string(root().join(&name)).unwrap())).collect()
}

/// The commands of a page: lines after `$ ` in `console` blocks, every line of `sh` blocks, continued lines as one.
fn commands(page: &str) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut block = "";
    let mut goes_on = false;
    for line in page.lines() {
        if let Some(language) = line.strip_prefix("```") {
            (block, goes_on) = (if block.is_empty() { language } else { "" }, false);
            continue;
        }
        let command = match block {
            _ if goes_on => Some(line),
            "console" => line.strip_prefix("$ "),
            "sh" | "bash" => Some(line).filter(|line| !line.is_empty() && !line.starts_with('#')),
            _ => None,
        };
        let Some(command) = command else { continue };
        match commands.last_mut() {
            Some(last) if goes_on => *last = format!("{last}\n{command}"),
            _ => commands.push(command.to_owned()),
        }
        goes_on = command.ends_with('\\');
    }
    commands
}

/// The page's commands as one script that says how far it came and ends with the first that fails.
fn script(commands: &[String]) -> String {
    let mut script = "set -euo pipefail\n".to_owned();
    for (number, command) in commands.iter().enumerate() {
        let _ = write!(script, "echo 'command {number}' >&3\n{command}\n");
    }
    script
}

#[test]
fn commands_are_found_in_blocks_and_nowhere_else() {
    let page = "`$ not one`\n```text\n$ nor this\n```\n```console\n$ one # why\nits answer\n$ two \\\n    --more\n```\n\
                ```sh\n# said\nthree\n```\n$ no";
    assert_eq!(commands(page), ["one # why", "two \\\n    --more", "three"]);
}

#[test]
fn what_is_said_to_run_elsewhere_stands_on_its_page() {
    let pages = pages();
    for (name, begins, _) in ELSEWHERE {
        let (_, page) = pages.iter().find(|(page, _)| page == name).unwrap_or_else(|| panic!("no {name}"));
        assert!(commands(page).iter().any(|command| command.starts_with(begins)), "{name}: no {begins}");
    }
}

#[test]
fn every_command_of_the_readme_and_the_docs_works_as_it_stands() {
    let sandbox = Sandbox::new();
    sandbox.read(&["up"]);
    sandbox.read(&["run", &example("seed.toml")]);
    let desk = sandbox.file("query.sql", QUERY).parent().unwrap().join("desk");
    fs::create_dir(&desk).unwrap();
    fs::write(desk.join("query.sql"), QUERY).unwrap();
    symlink(root().join("examples"), desk.join("examples")).unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_batchsweep")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
    let mut ran = BTreeSet::new();
    for (name, page) in pages() {
        if PAGES_ELSEWHERE.iter().any(|(page, _)| *page == name) {
            continue;
        }
        let runs_here = |command: &String| {
            !ELSEWHERE.iter().any(|(page, begins, _)| *page == name && command.starts_with(begins))
        };
        let here: Vec<String> = commands(&page).into_iter().filter(runs_here).collect();
        let output = Command::new("bash")
            .args(["-c", &format!("exec 3>progress; {}", script(&here))])
            .current_dir(&desk)
            .env("PATH", &path)
            .env("BATCHSWEEP_STATE_DIR", sandbox.state().path())
            .env_remove("BATCHSWEEP_COORDINATOR")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let progress = fs::read_to_string(desk.join("progress")).unwrap();
        let last = progress.lines().count().checked_sub(1).map_or("none", |last| here[last].as_str());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: `{last}` ended with {}:\n{said}", output.status);
        assert_eq!(progress.lines().count(), here.len(), "{name}");
        ran.extend(here);
    }
    assert!(ran.iter().any(|command| command.starts_with("batchsweep run ")), "{ran:?}");
    assert!(fs::read_to_string(desk.join("results.csv")).unwrap().lines().count() > 1);
}
