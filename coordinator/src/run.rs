//! From a configuration and a listener to a server, until it is told to stop.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use proto::Token;
use sqlx::postgres::PgConnectOptions;
use telemetry::calls::IncomingLayer;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpIncoming;

use crate::access::authenticator::Authenticator;
use crate::access::connections;
use crate::access::guard::GuardLayer;
use crate::access::rates::Rates;
use crate::access::whole::Shares;
use crate::cache::{MeasuredMemory, Specs};
use crate::config::{ConfigError, HttpListen, ServeConfig};
use crate::context::Context;
use crate::http;
use crate::rpc;
use crate::store::Store;
use crate::store::connect::{self, ConnectError};
use crate::tasks::claims::Claims;
use crate::tasks::completions::Completions;
use crate::tasks::searches::Searches;
use crate::tasks::watches::Watches;
use crate::tasks::{self, cleaner, health, notices, reaper};
use crate::uploads::Uploads;

/// How long to wait for Postgres at the start.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// How long open calls may take to end when the coordinator stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a coordinator could not start, or stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The flags are wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Postgres is not there, or not ready.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The web page's port is taken, or not ours to take.
    #[error("cannot serve HTTP on {address}; choose another with --http-listen, or `off`")]
    Http {
        /// As given.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// An address file cannot be written.
    #[error("cannot write the address file {}", .file.display())]
    AddressFile {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The listener has no address.
    #[error("the listener has no address")]
    Listener(#[source] io::Error),
    /// The descriptors for reflection do not parse.
    #[error("gRPC reflection does not start")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The server broke.
    #[error("the gRPC server broke")]
    Server(#[from] tonic::transport::Error),
}

/// Serves on `listener` until `shutdown` is done: then long polls end, streams are told to connect again, and calls get
/// ten seconds to finish.
///
/// An outage of Postgres ends nothing: calls are refused with `DATABASE_UNAVAILABLE` until it is back.
///
/// # Errors
/// [`RunError`], before the first call is answered or when the server itself breaks.
pub async fn run(
    config: ServeConfig,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), RunError> {
    config.check()?;
    connections::raise_descriptor_limit();
    // What files hold is looked at first: a mistake there is reported before anything is waited for.
    let server = config.tls.apply(rpc::server(&config.limits))?;
    let administrator = config.auth.admin_token_file.as_deref().map(Token::read).transpose();
    let administrator = administrator.map_err(ConfigError::from)?;
    let options = config.database.options()?;
    let http = bind_http(config.http_listen).await?;
    let store = open_store(&options, config.no_migrate).await?;
    let address = listener.local_addr().map_err(RunError::Listener)?;

    // Two steps to the end: calls drain first, then the tasks that they rely on stop.
    let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
    let _stop_in_any_case = stop.clone().drop_guard();
    let context = context(&config, store, &drain, &stop)?;
    let (reporter, health_service) = tonic_health::server::health_reporter();
    health::set(&reporter, tonic_health::ServingStatus::Serving).await;
    tokio::spawn(health::run(context.store.clone(), reporter, drain.clone()));
    start_tasks(&config, &context, &stop);

    let is_guarded = config.auth.is_required(address);
    let guard = || Arc::new(Authenticator::new(context.store.clone(), administrator.as_ref()));
    let authenticator = is_guarded.then(guard);
    if let Some(listener) = http {
        let address = listener.local_addr().map_err(RunError::Listener)?;
        // Other machines may reach this address and not the other one.
        let is_required = config.auth.is_required(address);
        let guard = authenticator.clone().or_else(|| is_required.then(guard));
        serve_http(&config, listener, address, http::routes(&context, guard), drain.clone())?;
    }
    let router = server
        .layer(IncomingLayer)
        .layer(GuardLayer { authenticator, shares: Shares::default() })
        .add_routes(rpc::routes(context, health_service)?);
    let incoming =
        TcpIncoming::from(listener).with_nodelay(Some(true)).with_keepalive(Some(Duration::from_secs(60)));
    let incoming = connections::limited(incoming, config.limits.max_connections);
    let serving = router.serve_with_incoming_shutdown(incoming, drain.clone().cancelled_owned());
    announce(&format!("{}://{address}", config.tls.scheme()), is_guarded, config.address_file.as_deref())?;

    tokio::spawn({
        let drain = drain.clone();
        async move {
            shutdown.await;
            drain.cancel();
        }
    });
    let overdue = async {
        drain.cancelled().await;
        tracing::info!("draining");
        tokio::time::sleep(DRAIN_TIMEOUT).await;
    };
    tokio::select! {
        served = serving => served?,
        () = overdue => tracing::warn!("calls were still open after {DRAIN_TIMEOUT:?}; they are cut off"),
    }
    tracing::info!("stopped");
    Ok(())
}

/// Postgres, with the schema of this build.
async fn open_store(options: &PgConnectOptions, no_migrate: bool) -> Result<Store, RunError> {
    connect::wait_for(options, START_PATIENCE).await?;
    if no_migrate {
        connect::check_migrated(options).await?;
    } else {
        connect::migrate(options).await?;
    }
    Ok(connect::open(options))
}

fn context(
    config: &ServeConfig,
    store: Store,
    drain: &CancellationToken,
    stop: &CancellationToken,
) -> Result<Context, RunError> {
    Ok(Context {
        claims: Claims::start(store.clone(), config.lease_ttl, drain.clone()),
        completions: Completions::start(store.clone(), config.lease_ttl),
        searches: Searches::default(),
        watches: Watches::new(store.clone(), stop.clone()),
        uploads: Arc::new(Uploads::new(config.upload_store(), config.limits.uploads())),
        known_memory: MeasuredMemory::default(),
        specs: Specs::default(),
        reader: config.reader_options()?,
        lease_ttl: config.lease_ttl,
        heartbeat_interval: config.heartbeat_interval,
        rates: Arc::new(Rates::new(config.limits)),
        watch_age: config.limits.max_connection_age,
        drain: drain.clone(),
        store,
    })
}

/// What goes on beside calls, until `stop`.
fn start_tasks(config: &ServeConfig, context: &Context, stop: &CancellationToken) {
    let store = || context.store.clone();
    tokio::spawn(notices::run(store(), context.claims.clone(), stop.clone()));
    tokio::spawn(cleaner::run(store(), config.keep_checkpoints, stop.clone()));
    tokio::spawn(reaper::run(store(), context.claims.clone(), config.lease_ttl, stop.clone()));
    tokio::spawn(context.searches.clone().run(store(), context.claims.clone(), stop.clone()));
    tokio::spawn(tasks::uploads::run(store(), Arc::clone(&context.uploads), stop.clone()));
}

fn serve_http(
    config: &ServeConfig,
    listener: TcpListener,
    address: SocketAddr,
    routes: axum::Router,
    drain: CancellationToken,
) -> Result<(), RunError> {
    tokio::spawn(http::serve(listener, config.limits.max_connections, routes, drain));
    tracing::info!("serving HTTP on http://{address}");
    write_address(config.http_address_file.as_deref(), &format!("http://{address}"))
}

/// Says where calls are answered. Connections that come in before the server runs wait in the listener's queue.
fn announce(url: &str, is_guarded: bool, file: Option<&Path>) -> Result<(), RunError> {
    let who = if is_guarded { "holders of a token" } else { "everybody who can reach it" };
    tracing::info!("serving gRPC on {url} for {who}");
    write_address(file, url)
}

/// Opens the port of the web page, where there is to be one.
async fn bind_http(listen: HttpListen) -> Result<Option<TcpListener>, RunError> {
    let Some(address) = listen.address() else { return Ok(None) };
    let bound = TcpListener::bind(address).await;
    bound.map(Some).map_err(|source| RunError::Http { address, source })
}

fn write_address(file: Option<&Path>, url: &str) -> Result<(), RunError> {
    let Some(file) = file else { return Ok(()) };
    let failed = |source| RunError::AddressFile { file: file.to_owned(), source };
    // Written beside and renamed, so that a reader sees all of it or nothing.
    let mut beside = file.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    std::fs::write(&beside, format!("{url}\n")).map_err(failed)?;
    std::fs::rename(&beside, file).map_err(failed)
}
