//! Tokens, TLS and their refusals, with all three programs as people call them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use cli::local::{postgres, socket};
use nix::sys::signal::Signal;

use super::sandbox::{Sandbox, example, wait_for};

/// A process that ends with its test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_batchsweep")).with_file_name(name)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn assert_fails(output: &Output, code: i32, words: &[&str]) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "`{word}` is not in:\n{said}");
    }
}

#[test]
fn a_local_stack_has_a_token_of_its_own_and_lets_nobody_else_in() {
    let sandbox = Sandbox::new();
    sandbox.read(&["up"]);
    let token = sandbox.state().token();
    assert_eq!(fs::metadata(&token).unwrap().permissions().mode() & 0o777, 0o600);
    // Whoever has the state folder needs nothing more.
    assert!(sandbox.rows(&["ls"]).is_empty());
    assert_eq!(sandbox.rows(&["workers"]).len(), 1);

    let url = sandbox.record().url;
    assert!(sandbox.rows(&["ls", "--coordinator", &url]).is_empty());

    // Whoever knows the port alone may not even look; the one with the token may do everything.
    let elsewhere = sandbox.state().path().with_file_name("elsewhere");
    let named = ["--state-dir", elsewhere.to_str().unwrap(), "--coordinator", &url];
    let refused = sandbox.call(&[&["ls"], &named[..]].concat());
    assert_fails(&refused, 4, &["asks for a token", "--token-file"]);
    let owner = [&named[..], &["--token-file", token.to_str().unwrap()]].concat();
    let read_only = sandbox.file("reader.token", "");
    fs::remove_file(&read_only).unwrap();
    let reader = read_only.to_str().unwrap();
    sandbox.read(&[&["token", "create", "anna", "--scope", "read", "--out", reader], &owner[..]].concat());
    assert_eq!(fs::metadata(&read_only).unwrap().permissions().mode() & 0o777, 0o600);

    let anna = [&named[..], &["--token-file", reader]].concat();
    assert_eq!(sandbox.read(&[&["ls", "-o", "csv"], &anna[..]].concat()).lines().count(), 1);
    let refused = sandbox.call(&[&["submit", &example("seed.toml")], &anna[..]].concat());
    let because = ["scope `submit`", "`anna` has `read`", "hint:", "token create anna --scope submit"];
    assert_fails(&refused, 4, &because);
    assert_fails(&sandbox.call(&[&["token", "ls"], &anna[..]].concat()), 4, &["scope `admin`"]);

    let listed = sandbox.rows(&["token", "ls"]);
    assert_eq!((listed[0]["name"].as_str(), listed[0]["state"].as_str()), (Some("anna"), Some("valid")));
    sandbox.read(&["token", "revoke", "anna"]);
    wait_for("the end of a revoked token", || {
        let refused = sandbox.call(&[&["ls"], &anna[..]].concat());
        (refused.status.code() == Some(4)).then(|| assert_fails(&refused, 4, &["revoked", "hint:"]))
    });
    assert_fails(&sandbox.call(&["token", "revoke", "nobody"]), 5, &["no token `nobody`"]);
}

/// A second coordinator on a stack's database, as a fleet would have it: over mutual TLS, and asking for tokens.
struct Fleet {
    // Ends before the database that it is on.
    _coordinator: Process,
    sandbox: Sandbox,
    folder: PathBuf,
    url: String,
    /// Where the stack's own coordinator is, without TLS.
    plain_url: String,
}

impl Fleet {
    fn start() -> Self {
        let sandbox = Sandbox::new();
        sandbox.read(&["up"]);
        // Trials are to be trained by the fleet's worker.
        let stack = sandbox.record();
        let (_, local) = stack.workers[0];
        local.signal(Signal::SIGTERM);
        wait_for("the end of the stack's own worker", || (!local.is_alive()).then_some(()));
        let folder = sandbox.state().path().parent().unwrap().to_owned();
        let at = |name: &str| path_in(&folder, name);
        sandbox.read(&["certs", "--out", &at("certs")]);
        sandbox.read(&["certs", "--out", &at("other"), "--host", "elsewhere"]);

        let server = postgres::running(sandbox.state()).unwrap();
        let database = socket::url(&server.socket_folder, "batchsweep_owner");
        make_token(&database, &at("gpu-0"), "gpu-0", &["work"]);
        make_token(&database, &at("anna"), "anna", &["submit", "read"]);
        let address = at("address");
        let coordinator = Command::new(program("batchsweep-coordinator"))
            .args(["serve", "--http-listen=off", "--listen=127.0.0.1:0", "--auth=required"])
            .args(["--database-url", &database, "--address-file", &address])
            .args(["--tls-cert", &at("certs/server.pem"), "--tls-key", &at("certs/server-key.pem")])
            .args(["--client-ca", &at("certs/ca.pem")])
            .stderr(Stdio::null())
            .spawn();
        let coordinator = Process(coordinator.unwrap());
        let url = wait_for("an address", || fs::read_to_string(&address).ok()).trim().to_owned();
        assert!(url.starts_with("https://127.0.0.1:"), "{url}");
        Self { _coordinator: coordinator, sandbox, folder, url, plain_url: stack.url }
    }

    fn at(&self, name: &str) -> String {
        path_in(&self.folder, name)
    }

    /// Arguments that trust this fleet and show it the certificate of `who`.
    fn identity(&self, who: &str) -> Vec<String> {
        let [certificate, key] = [format!("certs/{who}.pem"), format!("certs/{who}-key.pem")];
        [
            self.trust(&["--client-cert", &self.at(&certificate)]),
            vec!["--client-key".to_owned(), self.at(&key)],
        ]
        .concat()
    }

    /// Arguments that trust this fleet, and more.
    fn trust(&self, more: &[&str]) -> Vec<String> {
        let certificate = self.at("certs/ca.pem");
        let arguments = [&["--ca-file", certificate.as_str()], more].concat();
        arguments.into_iter().map(str::to_owned).collect()
    }

    fn worker(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(program("batchsweep-worker"));
        command.args(["--coordinator", &self.url, "--name", "gpu-0", "--threads", "1"]).args(arguments);
        command.env("BATCHSWEEP_LOG", "warn").stdin(Stdio::null());
        command
    }

    /// What `ls` of this coordinator answers.
    fn ls(&self, coordinator: &str, arguments: &[String]) -> Output {
        let arguments = arguments.iter().map(String::as_str);
        let arguments: Vec<&str> =
            ["ls", "--coordinator", coordinator].into_iter().chain(arguments).collect();
        self.sandbox.call(&arguments)
    }
}

fn path_in(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

fn make_token(database: &str, file: &str, name: &str, scopes: &[&str]) {
    let made = Command::new(program("batchsweep-coordinator"))
        .args(["token", "create", name, "--database-url", database, "--out", file])
        .args(scopes.iter().flat_map(|scope| ["--scope", scope]))
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", said(&made));
}

fn token(file: String) -> Vec<String> {
    vec!["--token-file".to_owned(), file]
}

#[test]
fn a_fleet_works_over_mutual_tls() {
    let fleet = Fleet::start();
    let identity = fleet.identity("worker");
    let refused = fleet.worker(&identity).output().unwrap();
    assert_fails(&refused, 1, &["asks for a token", "--token-file"]);
    let refused = fleet.worker(&[identity.clone(), token(fleet.at("anna"))].concat()).output().unwrap();
    assert_fails(&refused, 1, &["scope `work`", "token create anna --scope work"]);
    let refused = fleet.worker(&["--ca-file".to_owned(), fleet.at("other/ca.pem")]).output().unwrap();
    assert_fails(&refused, 1, &["not signed by a CA that is trusted here", "--ca-file"]);
    let working = fleet.worker(&[identity, token(fleet.at("gpu-0"))].concat()).spawn().unwrap();
    let _working = Process(working);

    let anna = [fleet.identity("client"), token(fleet.at("anna"))].concat();
    let anna: Vec<&str> =
        ["--coordinator", &fleet.url].into_iter().chain(anna.iter().map(String::as_str)).collect();
    let sweep = example("seed.toml");
    let id = fleet.sandbox.read(&[&["submit", &sweep, "--wait"], &anna[..]].concat());
    let rows = fleet.sandbox.read(&[&["results", id.trim(), "-o", "csv"], &anna[..]].concat());
    let trained = |line: &&str| line.contains("succeeded") && line.contains("gpu-0");
    assert_eq!(rows.lines().filter(trained).count(), 3, "{rows}");
    assert_every_wrong_connection_is_explained(&fleet);
}

fn assert_every_wrong_connection_is_explained(fleet: &Fleet) {
    let url = fleet.url.as_str();
    let plain = url.replace("https://", "http://");
    assert_fails(&fleet.ls(&plain, &[]), 3, &["it speaks TLS only", "write https://"]);
    let ca = |name: &str| ["--ca-file".to_owned(), fleet.at(name)];
    let words = ["not signed by a CA that is trusted here", "--ca-file"];
    assert_fails(&fleet.ls(url, &ca("other/ca.pem")), 3, &words);
    assert_fails(&fleet.ls(url, &fleet.trust(&[])), 3, &["asks for a client's certificate"]);
    let [certificate, key] = [fleet.at("other/client.pem"), fleet.at("other/client-key.pem")];
    let other = fleet.trust(&["--client-cert", &certificate, "--client-key", &key]);
    assert_fails(&fleet.ls(url, &other), 3, &["does not take this client's certificate", "--client-ca"]);
    let plain = fleet.plain_url.replace("http://", "https://");
    assert_fails(&fleet.ls(&plain, &fleet.trust(&[])), 3, &["does not speak TLS", "http://"]);
    assert_fails(&fleet.ls(url, &ca("anna")), 2, &["--ca-file", "holds no certificate"]);
}

#[test]
fn certificates_are_made_once_and_their_keys_are_private() {
    let sandbox = Sandbox::new();
    let folder = sandbox.state().path().parent().unwrap().join("set");
    let out = folder.to_str().unwrap();
    let written = sandbox.call(&["certs", "--out", out, "--host", "coordinator.example"]);
    assert_eq!(written.status.code(), Some(0), "{}", said(&written));
    let words = ["coordinator.example", "--tls-cert", "--client-ca", "--ca-file", "ca-key.pem"];
    assert!(words.iter().all(|word| said(&written).contains(word)), "{}", said(&written));
    for file in String::from_utf8(written.stdout).unwrap().lines() {
        let mode = fs::metadata(file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if file.ends_with("-key.pem") { 0o600 } else { 0o644 }, "{file}");
    }
    let before = fs::read(folder.join("ca.pem")).unwrap();
    fs::remove_file(folder.join("client.pem")).unwrap();
    assert_fails(&sandbox.call(&["certs", "--out", out]), 1, &["is not overwritten", "--out"]);
    assert_eq!(fs::read(folder.join("ca.pem")).unwrap(), before);
    assert!(!folder.join("client.pem").exists(), "nothing is written beside what is there");
    assert_fails(&sandbox.call(&["certs", "--out", &format!("{out}2"), "--host", "a b"]), 2, &["`a b`"]);
}
