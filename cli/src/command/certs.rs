//! `certs`: a set of certificates for TLS.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::certificates::{self, PemFile};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::output;

/// Arguments of `certs`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The folder to write them to; made where there is none
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// A name or an address that the coordinator is reached by, besides localhost; may be given several times
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,

    /// How many days they are valid
    #[arg(long, value_name = "N", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,
}

/// Runs the verb.
///
/// # Errors
/// When a file is there already (then none is written), or cannot be written.
pub fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let Args { out, days, .. } = args;
    let there = certificates::file_names().map(|name| out.join(name)).find(|file| file.exists());
    if let Some(file) = there {
        return Err(Failure::failed(format!("{} is there already, and is not overwritten", file.display()))
            .hint("choose another folder with --out, or remove the old set first"));
    }
    let mut hosts: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    hosts.extend(args.hosts.iter().filter(|host| !hosts.contains(host)).cloned().collect::<Vec<_>>());
    let lifetime = std::time::Duration::from_secs(u64::from(*days) * 24 * 3_600);
    let files = certificates::make(&hosts, lifetime).map_err(Failure::usage)?;
    fs::create_dir_all(out).map_err(|error| Failure::io(format!("cannot make {}", out.display()), &error))?;
    for file in &files {
        let path = out.join(&file.name);
        write(&path, file)
            .map_err(|error| Failure::io(format!("cannot write {}", path.display()), &error))?;
        output::text(&format!("{}\n", path.display()))?;
    }
    let folder = out.display();
    context.talk.say(format_args!(
        "\nA CA, and three certificates that it signed: the server's for {}; valid for {days} days.\n\
         Whoever has a key can pass for its owner: keep ca-key.pem off the machines, and give each its own files only.\n\n\
         coordinator: --tls-cert {folder}/server.pem --tls-key {folder}/server-key.pem --client-ca {folder}/ca.pem\n\
         workers:     --ca-file {folder}/ca.pem --client-cert {folder}/worker.pem --client-key {folder}/worker-key.pem\n\
         commands:    --ca-file {folder}/ca.pem --client-cert {folder}/client.pem --client-key {folder}/client-key.pem\n\n\
         Without --client-ca anybody may connect, and a token alone decides; then clients need --ca-file only.",
        hosts.join(", "),
    ));
    Ok(Exit::Success)
}

fn write(path: &Path, file: &PemFile) -> io::Result<()> {
    let mode = if file.is_secret { 0o600 } else { 0o644 };
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?.write_all(file.text.as_bytes())
}
