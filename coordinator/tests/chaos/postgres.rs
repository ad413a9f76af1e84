//! A Postgres of the test's own, with fsync on, that can be killed and started again.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nix::sys::signal::Signal;
use tokio::process::{Child, Command};

/// The system user that runs it where we are root, which Postgres refuses.
#[derive(Debug, Clone, Copy)]
struct User {
    uid: u32,
    gid: u32,
}

pub struct Postgres {
    bin: PathBuf,
    folder: PathBuf,
    user: Option<User>,
    child: Option<Child>,
}

impl Postgres {
    /// Makes a cluster in this folder and starts it.
    pub async fn create(folder: &Path) -> Self {
        let folder = folder.join("postgres");
        fs::create_dir(&folder).unwrap();
        let user = owner().await;
        if let Some(user) = user {
            chown(&folder, Some(user.uid), Some(user.gid)).unwrap();
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        let mut postgres = Self { bin: programs(), folder, user, child: None };
        let made = postgres
            .command("initdb")
            .args(["-U", "batchsweep", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-D"])
            .arg(postgres.folder.join("data"))
            .output()
            .await
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        postgres.start();
        postgres
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        if let Some(user) = self.user {
            command.uid(user.uid).gid(user.gid);
        }
        command
    }

    fn start(&mut self) {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.with_file_name("postgres.log"))
            .unwrap();
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.folder.join("data")).args(["-c", "listen_addresses="]);
        command.arg("-c").arg(format!("unix_socket_directories={}", self.folder.display()));
        self.child = Some(command.stderr(log).spawn().unwrap());
    }

    /// Kills the postmaster, whose children then end by themselves.
    pub fn kill(&mut self) -> bool {
        let Some(child) = self.child.as_mut().filter(|child| child.id().is_some()) else { return false };
        child.start_kill().is_ok()
    }

    /// Starts it again where it has ended. It also ends by itself as long as children of the one before are left.
    pub fn tend(&mut self) {
        if self.child.as_mut().is_none_or(|child| child.try_wait().unwrap().is_some()) {
            self.start();
        }
    }

    /// Ends it in a way that leaves nothing of it on this machine.
    pub async fn end(mut self) {
        let Some(child) = &mut self.child else { return };
        if let Some(pid) = child.id() {
            crate::fleet::signal(pid, Signal::SIGQUIT);
        }
        let _ = child.wait().await;
    }

    /// The folder of its socket.
    pub fn socket(&self) -> &Path {
        &self.folder
    }
}

/// Its address behind a socket in this folder.
pub fn url(socket: &Path) -> String {
    format!("postgres://batchsweep@{}/postgres", socket.display().to_string().replace('/', "%2F"))
}

/// The newest version of the programs.
fn programs() -> PathBuf {
    if let Some(folder) = std::env::var_os("BATCHSWEEP_PG_BIN") {
        return folder.into();
    }
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .expect("Postgres is not installed; install it or set BATCHSWEEP_PG_BIN")
        .map(|entry| entry.unwrap().path())
        .filter_map(|path| Some((path.file_name()?.to_str()?.parse().ok()?, path.join("bin"))))
        .collect();
    found.sort();
    found.pop().expect("a version of Postgres").1
}

async fn owner() -> Option<User> {
    let id = |arguments: &'static [&'static str]| async move {
        let output = Command::new("id").args(arguments).output().await.unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse::<u32>().ok()
    };
    if id(&["-u"]).await != Some(0) {
        return None;
    }
    Some(User { uid: id(&["-u", "postgres"]).await?, gid: id(&["-g", "postgres"]).await? })
}
