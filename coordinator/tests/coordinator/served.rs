//! A whole coordinator over TCP, and clients with and without a token.

use std::time::Duration;

use coordinator::config::HttpListen;
use coordinator::config::{AuthConfig, AuthMode, DatabaseConfig, LimitsConfig, TlsConfig, public_url};
use coordinator::store::token;
use coordinator::{RunError, ServeConfig};
use domain::access::Scope;
use proto::Token;
use proto::connection::Bearer;
use sqlx::PgPool;
use telemetry::LogFormat;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

pub type Client = InterceptedService<Channel, Bearer>;

pub struct Server {
    pub address: String,
    pub shutdown: oneshot::Sender<()>,
    pub running: JoinHandle<Result<(), RunError>>,
}

pub fn config(pool: &PgPool) -> ServeConfig {
    ServeConfig {
        database: DatabaseConfig {
            database_url: Some(public_url(&pool.connect_options())),
            database_url_file: None,
        },
        reader_database_url: None,
        reader_database_url_file: None,
        listen: "127.0.0.1:0".parse().unwrap(),
        http_listen: HttpListen::Off,
        http_address_file: None,
        address_file: None,
        lease_ttl: Duration::from_secs(30),
        heartbeat_interval: Duration::from_secs(5),
        upload_store: Some("/nowhere".to_owned()),
        keep_checkpoints: Duration::from_secs(3_600),
        no_migrate: false,
        insecure: false,
        tls: TlsConfig::default(),
        auth: AuthConfig::default(),
        limits: LimitsConfig::default(),
        log_format: LogFormat::Text,
    }
}

/// The configuration of a coordinator that asks for tokens.
pub fn guarded(pool: &PgPool) -> ServeConfig {
    let auth = AuthConfig { auth: AuthMode::Required, admin_token_file: None };
    ServeConfig { auth, ..config(pool) }
}

pub async fn start(pool: &PgPool) -> Server {
    start_with(config(pool)).await
}

pub async fn start_with(config: ServeConfig) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("address");
    let config = ServeConfig { address_file: Some(file.clone()), ..config };
    let listener = TcpListener::bind(config.listen).await.unwrap();
    let (shutdown, told) = oneshot::channel();
    let running = tokio::spawn(coordinator::run(config, listener, async {
        let _ = told.await;
    }));
    let address = loop {
        match std::fs::read_to_string(&file) {
            Ok(address) => break address.trim().to_owned(),
            Err(_) => tokio::task::yield_now().await,
        }
        assert!(!running.is_finished(), "the server did not start: {:?}", running.await);
    };
    Server { address, shutdown, running }
}

/// A coordinator that serves HTTP too, and where.
pub async fn start_with_http(config: ServeConfig) -> (Server, Http) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("http");
    let http_listen = "127.0.0.1:0".parse().unwrap();
    let server =
        start_with(ServeConfig { http_listen, http_address_file: Some(file.clone()), ..config }).await;
    let url = std::fs::read_to_string(&file).unwrap();
    (server, Http { address: url.trim().strip_prefix("http://").unwrap().to_owned() })
}

/// Asks over HTTP, a connection a request, with whatever headers: also those that no client would send.
pub struct Http {
    pub address: String,
}

impl Http {
    pub async fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path}"), &[], "").await
    }

    /// The whole answer; the `Host` is the right one unless it is among the headers.
    pub async fn ask(&self, request: &str, headers: &[&str], body: &str) -> String {
        let host = format!("Host: {}", self.address);
        let has_host = headers.iter().any(|header| header.starts_with("Host:"));
        let mut text = format!("{request} HTTP/1.1\r\nConnection: close\r\n");
        for header in headers.iter().copied().chain((!has_host).then_some(host.as_str())) {
            text += &format!("{header}\r\n");
        }
        text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

impl Server {
    pub async fn channel(&self) -> Channel {
        Endpoint::from_shared(self.address.clone()).unwrap().connect().await.unwrap()
    }

    /// A connection that shows this token.
    pub async fn with(&self, token: &Token) -> Client {
        InterceptedService::new(self.channel().await, Bearer::of(token.clone()))
    }
}

/// A token in the database.
pub async fn token(pool: &PgPool, name: &str, scopes: &[Scope]) -> Token {
    let token = Token::random().unwrap();
    let mut connection = pool.acquire().await.unwrap();
    token::insert(&mut connection, name, &token.hash(), scopes, None).await.unwrap();
    token
}
