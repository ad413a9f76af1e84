//! Flags and environment. Each flag has its variable; a flag wins.

mod auth;

mod http_listen;

mod limits;

mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use domain::units::{ParseTimeSpanError, TimeSpan};
use proto::connection::pem::PemError;
use proto::token::TokenFileError;
use sqlx::postgres::PgConnectOptions;
use storage::place::state_folder;
use telemetry::LogFormat;

pub use auth::{AuthConfig, AuthMode};
pub use http_listen::HttpListen;
pub use limits::{LimitsConfig, UploadLimits};
pub use tls::TlsConfig;

use crate::store::rows::reader::READER_ROLE;

/// How to reach Postgres.
#[derive(Debug, Clone, Args)]
pub struct DatabaseConfig {
    /// Postgres as the owner of the schema: postgres://USER@HOST:PORT/DATABASE. A socket folder is written as the host,
    /// each / as %2F.
    #[arg(long, env = "BATCHSWEEP_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,

    /// A file that holds the database URL, for one with a password.
    #[arg(long, env = "BATCHSWEEP_DATABASE_URL_FILE", value_name = "FILE", conflicts_with = "database_url")]
    pub database_url_file: Option<PathBuf>,
}

/// All that `serve` may be told.
#[derive(Debug, Clone, Args)]
pub struct ServeConfig {
    /// How to reach Postgres.
    #[command(flatten)]
    pub database: DatabaseConfig,

    /// Postgres as role batchsweep_reader, for `batchsweep sql`; by default the database URL with that role and
    /// without a password.
    #[arg(long, env = "BATCHSWEEP_READER_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub reader_database_url: Option<String>,

    /// A file that holds the reader's URL, for one with a password.
    #[arg(
        long,
        env = "BATCHSWEEP_READER_DATABASE_URL_FILE",
        value_name = "FILE",
        conflicts_with = "reader_database_url"
    )]
    pub reader_database_url_file: Option<PathBuf>,

    /// Where to listen for gRPC; port 0 takes any free one.
    #[arg(long, env = "BATCHSWEEP_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:7070")]
    pub listen: SocketAddr,

    /// Where to serve HTTP (the web page); port 0 takes any free one, `off` serves none.
    #[arg(long, env = "BATCHSWEEP_HTTP_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:7080")]
    pub http_listen: HttpListen,

    /// Write http://HOST:PORT of the web page to this file once it is served.
    #[arg(long, env = "BATCHSWEEP_HTTP_ADDRESS_FILE", value_name = "FILE")]
    pub http_address_file: Option<PathBuf>,

    /// Write http://HOST:PORT (https with TLS) to this file once calls are answered.
    #[arg(long, env = "BATCHSWEEP_ADDRESS_FILE", value_name = "FILE")]
    pub address_file: Option<PathBuf>,

    /// How long a worker keeps a trial without a heartbeat.
    #[arg(long, env = "BATCHSWEEP_LEASE_TTL", value_name = "TIME", default_value = "30s", value_parser = time)]
    pub lease_ttl: Duration,

    /// How often workers send a heartbeat; at most a third of the lease.
    #[arg(
        long,
        env = "BATCHSWEEP_HEARTBEAT_INTERVAL",
        value_name = "TIME",
        default_value = "5s",
        value_parser = time
    )]
    pub heartbeat_interval: Duration,

    /// How long the checkpoints of a trial that failed or was cancelled are kept for `retry`, such as 12h or 7d.
    #[arg(
        long,
        env = "BATCHSWEEP_KEEP_CHECKPOINTS",
        value_name = "TIME",
        default_value = "7d",
        value_parser = time
    )]
    pub keep_checkpoints: Duration,

    /// Leave the schema as it is; refuse to start when it is not this build's.
    #[arg(long, env = "BATCHSWEEP_NO_MIGRATE")]
    pub no_migrate: bool,

    /// Listen without encryption on an address that other machines can reach.
    #[arg(long, env = "BATCHSWEEP_INSECURE")]
    pub insecure: bool,

    /// TLS on the gRPC port.
    #[command(flatten)]
    pub tls: TlsConfig,

    /// Where files are kept that people send along with sweeps: a folder, or s3://BUCKET/PREFIX, with its address and
    /// credentials in AWS_* variables. Several coordinators behind one address need the same one
    /// [default: batchsweep/store in the user's state folder]
    #[arg(long, env = "BATCHSWEEP_UPLOAD_STORE", value_name = "PLACE")]
    pub upload_store: Option<String>,

    /// Who may call.
    #[command(flatten)]
    pub auth: AuthConfig,

    /// How much may be asked for.
    #[command(flatten)]
    pub limits: LimitsConfig,

    /// How the log on stderr looks.
    #[arg(long, env = "BATCHSWEEP_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// What is wrong with the flags.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Nothing says where Postgres is.
    #[error("no database: give --database-url, --database-url-file or BATCHSWEEP_DATABASE_URL")]
    NoDatabase,
    /// A URL does not parse. It is not repeated here, as it may hold a password.
    #[error("{flag} is not a Postgres URL")]
    Url {
        /// The flag that named it.
        flag: &'static str,
        /// What the parser says.
        source: sqlx::Error,
    },
    /// A URL's file cannot be read.
    #[error("cannot read {flag} {}", .file.display())]
    UrlFile {
        /// The flag that named it.
        flag: &'static str,
        /// The path as given.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Heartbeats are too rare for the lease.
    #[error(
        "--heartbeat-interval {heartbeat_interval} is over a third of --lease-ttl {lease_ttl}: one lost heartbeat \
         must not cost a lease"
    )]
    HeartbeatTooRare {
        /// As given.
        heartbeat_interval: TimeSpan,
        /// As given.
        lease_ttl: TimeSpan,
    },
    /// The address is public and nothing is encrypted.
    #[error(
        "{listen} can be reached from other machines, and nothing on it is encrypted; give --tls-cert and --tls-key \
         (`batchsweep certs` makes a set), listen on 127.0.0.1, or give --insecure where the network itself is trusted"
    )]
    PublicPlaintext {
        /// As given.
        listen: SocketAddr,
    },
    /// The address of the web page is public, and it is never encrypted.
    #[error(
        "--http-listen {listen} can be reached from other machines, and the web page is not encrypted; listen on \
         127.0.0.1 behind a proxy that encrypts, or give --insecure where the network itself is trusted"
    )]
    PublicHttp {
        /// As given.
        listen: SocketAddr,
    },
    /// The address is public and nobody is asked for anything.
    #[error(
        "{listen} can be reached from other machines, and --auth off lets all of them do everything; leave it out, \
         ask for certificates with --client-ca, or give --insecure where the network itself is trusted"
    )]
    PublicWithoutAuth {
        /// As given.
        listen: SocketAddr,
    },
    /// A token that nobody is asked for.
    #[error("--admin-token-file has no use with --auth off; leave one of them out")]
    TokenFileUnused,
    /// The file of the administrator's token.
    #[error("--admin-token-file: {0}")]
    TokenFile(#[from] TokenFileError),
    /// A certificate's or key's file.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// The certificate and its key do not work.
    #[error("cannot set up TLS with --tls-cert and --tls-key: {problem}")]
    Tls {
        /// What is wrong.
        problem: String,
    },
}

impl DatabaseConfig {
    /// The connection to Postgres.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn options(&self) -> Result<PgConnectOptions, ConfigError> {
        let (url, file) = (self.database_url.as_ref(), self.database_url_file.as_ref());
        url_options(["--database-url", "--database-url-file"], url, file)?.ok_or(ConfigError::NoDatabase)
    }
}

impl ServeConfig {
    /// Checks what one flag means for another.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn check(&self) -> Result<(), ConfigError> {
        let Self { heartbeat_interval, lease_ttl, listen, .. } = *self;
        if heartbeat_interval * 3 > lease_ttl {
            let [heartbeat_interval, lease_ttl] = [heartbeat_interval, lease_ttl].map(TimeSpan);
            return Err(ConfigError::HeartbeatTooRare { heartbeat_interval, lease_ttl });
        }
        if !self.insecure && !self.tls.is_on() && !listen.ip().is_loopback() {
            return Err(ConfigError::PublicPlaintext { listen });
        }
        if let Some(listen) = self.http_listen.address()
            && !self.insecure
            && !listen.ip().is_loopback()
        {
            return Err(ConfigError::PublicHttp { listen });
        }
        self.auth.check(listen, &self.tls, self.insecure)
    }

    /// Where files are kept that people send along with sweeps.
    #[must_use]
    pub fn upload_store(&self) -> String {
        let default = || state_folder("store").to_string_lossy().into_owned();
        self.upload_store.clone().filter(|place| !place.is_empty()).unwrap_or_else(default)
    }

    /// The connection to Postgres as the reader role.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn reader_options(&self) -> Result<PgConnectOptions, ConfigError> {
        let (url, file) = (self.reader_database_url.as_ref(), self.reader_database_url_file.as_ref());
        match url_options(["--reader-database-url", "--reader-database-url-file"], url, file)? {
            Some(options) => Ok(options),
            None => Ok(as_reader(&self.database.options()?)),
        }
    }
}

/// The same database as another role, without the first one's password.
fn as_reader(owner: &PgConnectOptions) -> PgConnectOptions {
    let reader = PgConnectOptions::new_without_pgpass()
        .username(READER_ROLE)
        .port(owner.get_port())
        .database(owner.get_database().unwrap_or(owner.get_username()))
        .ssl_mode(owner.get_ssl_mode());
    match owner.get_socket() {
        Some(socket) => reader.socket(socket),
        None => reader.host(owner.get_host()),
    }
}

/// A URL that people may connect with, without a password.
#[must_use]
pub fn public_url(options: &PgConnectOptions) -> String {
    let (user, port) = (options.get_username(), options.get_port());
    let database = options.get_database().unwrap_or(user);
    let host = options.get_host();
    match options.get_socket().map(|socket| socket.display().to_string()) {
        Some(socket) => format!("postgresql:///{database}?host={socket}&port={port}&user={user}"),
        None if host.starts_with('/') => {
            format!("postgresql:///{database}?host={host}&port={port}&user={user}")
        }
        None if host.contains(':') => format!("postgresql://{user}@[{host}]:{port}/{database}"),
        None => format!("postgresql://{user}@{host}:{port}/{database}"),
    }
}

fn url_options(
    flags: [&'static str; 2],
    url: Option<&String>,
    file: Option<&PathBuf>,
) -> Result<Option<PgConnectOptions>, ConfigError> {
    let (flag, url) = match (url, file) {
        (Some(url), _) => (flags[0], url.clone()),
        (None, Some(file)) => match std::fs::read_to_string(file) {
            Ok(url) => (flags[1], url),
            Err(source) => return Err(ConfigError::UrlFile { flag: flags[1], file: file.clone(), source }),
        },
        (None, None) => return Ok(None),
    };
    url.trim().parse().map(Some).map_err(|source| ConfigError::Url { flag, source })
}

/// A length of time that is longer than 0, and short enough for the database to add to a date.
fn time(text: &str) -> Result<Duration, ParseTimeSpanError> {
    const TEN_YEARS_DAYS: u32 = 3_653;
    TimeSpan::within(text, TEN_YEARS_DAYS).map(|span| span.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        config: ServeConfig,
    }

    fn config(arguments: &[&str]) -> ServeConfig {
        Command::parse_from([&["coordinator"], arguments].concat()).config
    }

    #[test]
    fn every_time_is_written_alike_and_stays_below_ten_years() {
        let config =
            config(&["--lease-ttl", "1h30m", "--heartbeat-interval", "500ms", "--keep-checkpoints", "3653d"]);
        assert_eq!(config.lease_ttl, Duration::from_secs(5_400));
        assert_eq!(config.heartbeat_interval, Duration::from_millis(500));
        for wrong in ["", "5", "0s", "-1s", "3654d"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_reader_takes_the_databases_place_but_not_its_password() {
        let config = config(&["--database-url", "postgres://owner:secret@db.example:5433/sweeps"]);
        let reader = config.reader_options().unwrap();
        assert_eq!(public_url(&reader), "postgresql://batchsweep_reader@db.example:5433/sweeps");
        let socket = self::config(&["--database-url", "postgres://owner@%2Frun%2Fpg:5433/sweeps"]);
        let url = public_url(&socket.reader_options().unwrap());
        assert_eq!(url, "postgresql:///sweeps?host=/run/pg&port=5433&user=batchsweep_reader");
        assert_eq!(public_url(&url.parse().unwrap()), url);
    }

    #[test]
    fn plaintext_stays_on_this_machine_unless_told_otherwise() {
        assert!(config(&["--listen", "127.0.0.1:0"]).check().is_ok());
        assert!(config(&["--listen", "[::1]:0"]).check().is_ok());
        let public = config(&["--listen", "0.0.0.0:7070"]);
        assert!(matches!(public.check(), Err(ConfigError::PublicPlaintext { .. })));
        assert!(config(&["--listen", "0.0.0.0:7070", "--insecure"]).check().is_ok());
        let page = ["--http-listen", "0.0.0.0:7080"];
        assert!(matches!(config(&page).check(), Err(ConfigError::PublicHttp { .. })));
        assert!(config(&[&page[..], &["--insecure"]].concat()).check().is_ok());
        assert!(config(&["--http-listen", "off"]).check().is_ok());
    }

    #[test]
    fn tokens_are_asked_for_as_soon_as_other_machines_can_call() {
        let required = |arguments: &[&str]| {
            let config = config(arguments);
            config.auth.is_required(config.listen)
        };
        assert!(!required(&["--listen", "127.0.0.1:0"]));
        assert!(required(&["--listen", "127.0.0.1:0", "--auth", "required"]));
        assert!(required(&["--listen", "127.0.0.1:0", "--admin-token-file", "token"]));
        assert!(required(&["--listen", "0.0.0.0:7070", "--insecure"]));
        assert!(required(&["--listen", "[::]:7070", "--tls-cert", "c", "--tls-key", "k"]));
    }

    #[test]
    fn nobody_is_let_in_from_outside_by_mistake() {
        let tls = ["--listen", "0.0.0.0:7070", "--tls-cert", "c", "--tls-key", "k"];
        assert!(config(&tls).check().is_ok());
        let open = config(&[&tls[..], &["--auth", "off"]].concat());
        assert!(matches!(open.check(), Err(ConfigError::PublicWithoutAuth { .. })));
        for reason in [&["--client-ca", "ca"][..], &["--insecure"]] {
            assert!(config(&[&tls[..], &["--auth", "off"], reason].concat()).check().is_ok(), "{reason:?}");
        }
        let unused = config(&["--auth", "off", "--admin-token-file", "token"]);
        assert!(matches!(unused.check(), Err(ConfigError::TokenFileUnused)));
    }

    #[test]
    fn a_certificate_comes_with_its_key() {
        for half in [["--tls-cert", "c"], ["--tls-key", "k"], ["--client-ca", "ca"]] {
            assert!(Command::try_parse_from([&["coordinator"], &half[..]].concat()).is_err(), "{half:?}");
        }
    }

    #[test]
    fn a_lease_outlives_two_lost_heartbeats() {
        let rare = config(&["--lease-ttl", "10s", "--heartbeat-interval", "5s"]);
        assert!(matches!(rare.check(), Err(ConfigError::HeartbeatTooRare { .. })));
    }
}
