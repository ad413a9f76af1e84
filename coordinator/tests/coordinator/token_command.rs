//! `batchsweep-coordinator token`, `serve` and `health` as people call them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use coordinator::config::public_url;
use proto::Token;
use proto::connection::{CredentialFiles, Credentials};
use proto::v1;
use proto::v1::sweep_service_client::SweepServiceClient;
use sqlx::PgPool;

use crate::certificates::Authority;

fn command(pool: &PgPool, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_batchsweep-coordinator"));
    command.args(arguments).env("BATCHSWEEP_DATABASE_URL", public_url(&pool.connect_options()));
    command
}

fn call(pool: &PgPool, arguments: &[&str]) -> Output {
    command(pool, arguments).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn tokens_are_made_listed_and_revoked_without_a_coordinator(pool: PgPool) {
    let made =
        call(&pool, &["token", "create", "anna", "--scope", "submit", "--scope", "read", "--expires", "90d"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let token = text(&made.stdout);
    assert!(Token::parse(token.trim()).is_some() && token.lines().count() == 1, "{token}");
    assert!(!text(&made.stderr).contains(token.trim()));

    let listed = text(&call(&pool, &["token", "list"]).stdout);
    assert!(
        listed.contains("anna") && listed.contains("submit,read") && listed.contains("valid"),
        "{listed}"
    );
    assert!(!listed.contains(token.trim()));

    let revoked = call(&pool, &["token", "revoke", "anna"]);
    assert!(revoked.status.success() && text(&revoked.stderr).contains("revoked"), "{revoked:?}");
    assert_eq!(text(&call(&pool, &["token", "list"]).stdout).lines().count(), 1);
    assert!(text(&call(&pool, &["token", "list", "--all"]).stdout).contains("revoked"));
    let unknown = call(&pool, &["token", "revoke", "nobody"]);
    assert!(!unknown.status.success() && text(&unknown.stderr).contains("no token `nobody`"), "{unknown:?}");
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_tokens_file_is_its_owners_alone_and_never_overwritten(pool: PgPool) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gpu.token");
    let name = file.to_str().unwrap();
    let made = call(&pool, &["token", "create", "gpu", "--scope", "work", "--out", name]);
    assert!(made.status.success() && made.stdout.is_empty(), "{}", text(&made.stderr));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let again = call(&pool, &["token", "create", "gpu", "--scope", "work", "--out", name]);
    assert!(!again.status.success() && text(&again.stderr).contains("cannot write"), "{again:?}");
    // The token that went nowhere is not in the database either.
    assert_eq!(text(&call(&pool, &["token", "list"]).stdout).lines().count(), 2);
    let bad = call(&pool, &["token", "create", "gpu", "--scope", "root"]);
    assert_eq!(bad.status.code(), Some(2));
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn the_programs_work_together_over_mutual_tls(pool: PgPool) {
    let (servers, clients, folder) = (Authority::new(), Authority::new(), tempfile::tempdir().unwrap());
    let (server, client) = (servers.server(&["localhost"]), clients.client());
    let (address, token) = (folder.path().join("address"), folder.path().join("token"));
    let shown = |path: &Path| path.to_str().unwrap().to_owned();
    let made = call(&pool, &["token", "create", "anna", "--scope", "read", "--out", &shown(&token)]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let mut serving = command(
        &pool,
        &[
            "serve",
            "--http-listen=off",
            "--listen=127.0.0.1:0",
            "--auth=required",
            "--address-file",
            &shown(&address),
            "--tls-cert",
            &shown(&server.certificate),
            "--tls-key",
            &shown(&server.key),
            "--client-ca",
            &shown(&clients.certificate),
        ],
    )
    .stderr(Stdio::null())
    .spawn()
    .unwrap();
    let url = loop {
        match std::fs::read_to_string(&address) {
            Ok(url) => break url.trim().replace("127.0.0.1", "localhost"),
            Err(_) => tokio::task::yield_now().await,
        }
        assert_eq!(serving.try_wait().unwrap(), None, "the coordinator did not start");
    };
    let health = call(
        &pool,
        &[
            "health",
            "--address",
            &url,
            "--ca-file",
            &shown(&servers.certificate),
            "--client-cert",
            &shown(&client.certificate),
            "--client-key",
            &shown(&client.key),
        ],
    );
    assert!(health.status.success(), "{}", text(&health.stderr));
    let without = call(&pool, &["health", "--address", &url, "--ca-file", &shown(&servers.certificate)]);
    assert!(!without.status.success(), "{}", text(&without.stderr));

    let credentials = Credentials::read(CredentialFiles {
        token: Some(&token),
        ca: Some(&servers.certificate),
        client_cert: Some(&client.certificate),
        client_key: Some(&client.key),
    })
    .unwrap();
    let channel = credentials.endpoint(&url).unwrap().connect().await.unwrap();
    let mut sweeps = SweepServiceClient::with_interceptor(channel, credentials.bearer());
    sweeps.list_sweeps(v1::ListSweepsRequest::default()).await.unwrap();
    serving.kill().unwrap();
    serving.wait().unwrap();
}

#[test]
fn a_public_address_in_plain_text_is_refused_unless_told_otherwise() {
    let serve = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_batchsweep-coordinator"))
            .args(["serve", "--http-listen=off", "--database-url", "postgres://nobody@127.0.0.1:1/nothing"])
            .args(arguments)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        text(&output.stderr)
    };
    let refused = serve(&["--listen", "0.0.0.0:0"]);
    assert!(refused.contains("--tls-cert") && refused.contains("--insecure"), "{refused}");
    let open = serve(&["--listen", "0.0.0.0:0", "--tls-cert", "c", "--tls-key", "k", "--auth", "off"]);
    assert!(open.contains("--auth off lets all of them do everything"), "{open}");
    let missing = serve(&["--tls-cert", "nowhere.pem", "--tls-key", "k"]);
    assert!(missing.contains("cannot read --tls-cert nowhere.pem"), "{missing}");
}
