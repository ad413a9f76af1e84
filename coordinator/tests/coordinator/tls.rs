//! TLS and mutual TLS with real certificates: what works, and how each thing that does not is told.

use coordinator::config::{ConfigError, TlsConfig};
use coordinator::health::{self, Status};
use coordinator::{RunError, ServeConfig};
use domain::access::Scope;
use proto::connection::{CredentialFiles, Credentials, Problem};
use proto::v1;
use proto::v1::sweep_service_client::SweepServiceClient;
use sqlx::PgPool;
use tokio::net::TcpListener;

use crate::certificates::{Authority, Pair};
use crate::served::{Server, config, guarded, start, start_with, token};

fn with(server: &Pair, client_ca: Option<&Authority>, config: ServeConfig) -> ServeConfig {
    let tls = TlsConfig {
        tls_cert: Some(server.certificate.clone()),
        tls_key: Some(server.key.clone()),
        client_ca: client_ca.map(|authority| authority.certificate.clone()),
    };
    ServeConfig { tls, ..config }
}

fn credentials(trusted: &Authority, identity: Option<&Pair>) -> Credentials {
    Credentials::read(CredentialFiles {
        token: None,
        ca: Some(&trusted.certificate),
        client_cert: identity.map(|pair| pair.certificate.as_path()),
        client_key: identity.map(|pair| pair.key.as_path()),
    })
    .unwrap()
}

/// Connects and makes the first call, as clients do.
async fn reach(address: &str, credentials: &Credentials) -> Result<(), Option<Problem>> {
    let channel = match credentials.endpoint(address).unwrap().connect().await {
        Ok(channel) => channel,
        Err(error) => return Err(credentials.diagnose(address, &error).await),
    };
    let mut client = SweepServiceClient::with_interceptor(channel, credentials.bearer());
    match client.get_server_info(v1::GetServerInfoRequest {}).await {
        Ok(_) => Ok(()),
        Err(status) => Err(credentials.diagnose(address, &status).await),
    }
}

fn by_name(server: &Server) -> String {
    server.address.replace("127.0.0.1", "localhost")
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn whoever_trusts_the_ca_is_served_by_name_and_by_address(pool: PgPool) {
    let authority = Authority::new();
    let server = start_with(with(&authority.server(&["localhost", "127.0.0.1"]), None, config(&pool))).await;
    assert!(server.address.starts_with("https://127.0.0.1:"), "{}", server.address);
    let trusting = credentials(&authority, None);
    assert_eq!(reach(&server.address, &trusting).await, Ok(()));
    assert_eq!(reach(&by_name(&server), &trusting).await, Ok(()));
    assert_eq!(health::check(server.address.clone(), &trusting).await.unwrap(), Status::Serving);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_token_and_tls_go_together(pool: PgPool) {
    let authority = Authority::new();
    let server = start_with(with(&authority.server(&["127.0.0.1"]), None, guarded(&pool))).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    token(&pool, "anna", &[Scope::Read]).await.write_new(&file).unwrap();
    let files = CredentialFiles {
        token: Some(&file),
        ca: Some(&authority.certificate),
        ..CredentialFiles::default()
    };
    assert_eq!(reach(&server.address, &Credentials::read(files).unwrap()).await, Ok(()));
    assert_eq!(reach(&server.address, &credentials(&authority, None)).await, Err(None));
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_certificate_of_a_stranger_is_not_trusted(pool: PgPool) {
    let (ours, other) = (Authority::new(), Authority::new());
    let server = start_with(with(&other.server(&["127.0.0.1"]), None, config(&pool))).await;
    assert_eq!(reach(&server.address, &credentials(&ours, None)).await, Err(Some(Problem::UnknownIssuer)));
    // Nor by the system, which has never heard of either.
    let said =
        health::check(server.address.clone(), &credentials(&ours, None)).await.unwrap_err().to_string();
    assert!(said.contains("not signed by a CA that is trusted here; give"), "{said}");
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn a_certificate_for_another_name_is_told_with_its_names(pool: PgPool) {
    let authority = Authority::new();
    let server = start_with(with(&authority.server(&["gpu.example"]), None, config(&pool))).await;
    let expected =
        Problem::WrongName { expected: "127.0.0.1".to_owned(), presented: vec!["gpu.example".to_owned()] };
    assert_eq!(reach(&server.address, &credentials(&authority, None)).await, Err(Some(expected)));
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn an_expired_certificate_is_told(pool: PgPool) {
    let authority = Authority::new();
    let server = start_with(with(&authority.expired_server(), None, config(&pool))).await;
    assert_eq!(reach(&server.address, &credentials(&authority, None)).await, Err(Some(Problem::Expired)));
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn tls_to_a_plain_port_and_plain_to_a_tls_port_are_told(pool: PgPool) {
    let authority = Authority::new();
    let plain = start(&pool).await;
    let trusting = credentials(&authority, None);
    let wrong = plain.address.replace("http://", "https://");
    assert_eq!(reach(&wrong, &trusting).await, Err(Some(Problem::Plaintext)));

    let tls = start_with(with(&authority.server(&["127.0.0.1"]), None, config(&pool))).await;
    let wrong = tls.address.replace("https://", "http://");
    assert_eq!(reach(&wrong, &trusting).await, Err(Some(Problem::Encrypted)));
    for nobody in ["http://127.0.0.1:1", "https://127.0.0.1:1"] {
        assert_eq!(reach(nobody, &trusting).await, Err(None), "{nobody}");
    }
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn mutual_tls_serves_those_with_a_certificate_of_the_clients_ca(pool: PgPool) {
    let (servers, clients) = (Authority::new(), Authority::new());
    let server = start_with(with(&servers.server(&["127.0.0.1"]), Some(&clients), config(&pool))).await;
    let reach =
        async |identity: Option<&Pair>| reach(&server.address, &credentials(&servers, identity)).await;
    assert_eq!(reach(Some(&clients.client())).await, Ok(()));
    assert_eq!(reach(None).await, Err(Some(Problem::ClientCertificateRequired)));
    let refused = reach(Some(&servers.client())).await;
    assert!(matches!(refused, Err(Some(Problem::ClientCertificateRefused { .. }))), "{refused:?}");
    let checked =
        health::check(server.address.clone(), &credentials(&servers, Some(&clients.client()))).await;
    assert_eq!(checked.unwrap(), Status::Serving);
}

#[sqlx::test(migrator = "coordinator::MIGRATOR")]
async fn files_that_hold_something_else_are_named_before_anything_starts(pool: PgPool) {
    let authority = Authority::new();
    let (pair, other) = (authority.server(&["127.0.0.1"]), authority.client());
    let swapped = Pair { certificate: pair.key.clone(), key: pair.certificate.clone() };
    let mixed = Pair { certificate: pair.certificate, key: other.key };
    for (pair, said) in [(swapped, "--tls-cert"), (mixed, "--tls-key")] {
        let config = with(&pair, None, config(&pool));
        let listener = TcpListener::bind(config.listen).await.unwrap();
        let refused = coordinator::run(config, listener, std::future::pending()).await.unwrap_err();
        assert!(
            matches!(refused, RunError::Config(ConfigError::Pem(_) | ConfigError::Tls { .. })),
            "{refused:?}"
        );
        assert!(refused.to_string().contains(said), "{refused}");
    }
}
