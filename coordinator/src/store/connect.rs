//! Getting to Postgres, and getting its schema ready.

use std::time::{Duration, Instant};

use sqlx::migrate::{AppliedMigration, Migrate, MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};

use super::Store;

/// The migrations of this build.
pub static MIGRATOR: Migrator = sqlx::migrate!("../migrations");

/// Connections for requests.
const REQUEST_CONNECTIONS: u32 = 12;

/// Connections for what leases depend on.
const VITAL_CONNECTIONS: u32 = 6;

/// How long a call waits for a connection before it is told that the database is out of reach.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a coordinator cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Postgres did not answer.
    #[error("no answer from Postgres at {place} within {waited:?}; start it, or correct --database-url")]
    OutOfReach {
        /// Where it should be.
        place: String,
        /// How long was waited.
        waited: Duration,
        /// What the last try gave.
        source: sqlx::Error,
    },
    /// Postgres does not let us in.
    #[error("Postgres at {place} refuses the connection; correct --database-url")]
    Refused {
        /// Where it is.
        place: String,
        /// What it says.
        source: sqlx::Error,
    },
    /// The schema cannot be made ready.
    #[error("the schema of {place} cannot be migrated")]
    Migration {
        /// Where it is.
        place: String,
        /// What went wrong.
        source: MigrateError,
    },
    /// The schema was made by migrations that this build no longer has.
    #[error(
        "the schema of {place} is that of an earlier version of batchsweep and cannot be migrated: it has migration \
         {found}, and this version begins with {first}. To keep its results, export them with the version that made it \
         (batchsweep export); then start with a fresh database, or on a single machine with another state folder \
         (--state-dir)"
    )]
    TooOld {
        /// Where it is.
        place: String,
        /// The oldest migration that was applied.
        found: i64,
        /// The first migration of this build.
        first: i64,
    },
    /// The role may not change the schema.
    #[error(
        "the role `{role}` may not change the schema of {place}; run `batchsweep-coordinator migrate` as its owner, and \
         give this one --no-migrate"
    )]
    MayNotMigrate {
        /// Where it is.
        place: String,
        /// Who was refused.
        role: String,
        /// What Postgres says.
        source: MigrateError,
    },
    /// The schema is not this build's.
    #[error("the schema of {place} is not the one of this build; run `batchsweep-coordinator migrate`")]
    NotMigrated {
        /// Where it is.
        place: String,
    },
}

/// Host (or socket) and database, without credentials.
#[must_use]
pub fn place(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or(options.get_username());
    match options.get_socket() {
        Some(socket) => format!("{}:{}/{database}", socket.display(), options.get_port()),
        None => format!("{}:{}/{database}", options.get_host(), options.get_port()),
    }
}

/// Waits until Postgres lets us in, at most `patience`. Says so once, in one line, when the first try fails.
///
/// # Errors
/// [`ConnectError::OutOfReach`] or [`ConnectError::Refused`].
pub async fn wait_for(options: &PgConnectOptions, patience: Duration) -> Result<(), ConnectError> {
    let started = Instant::now();
    let mut told = false;
    loop {
        let source = match PgConnection::connect_with(options).await {
            Ok(connection) => {
                // Closing politely is a courtesy; the server notices either way.
                let _ = connection.close().await;
                return Ok(());
            }
            Err(error) => error,
        };
        let place = place(options);
        if !super::error::is_unavailable(&source) {
            return Err(ConnectError::Refused { place, source });
        }
        let waited = started.elapsed();
        if waited >= patience {
            return Err(ConnectError::OutOfReach { place, waited: patience, source });
        }
        if !told {
            tracing::warn!("waiting up to {patience:?} for Postgres at {place}: {source}");
            told = true;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Brings the schema up to date. Several coordinators may do so at once: Postgres's advisory lock orders them.
///
/// # Errors
/// [`ConnectError::Migration`], also when the schema is newer than this build; [`ConnectError::TooOld`] when its
/// migrations are from before the first of this build; [`ConnectError::MayNotMigrate`].
pub async fn migrate(options: &PgConnectOptions) -> Result<(), ConnectError> {
    let failed = |source: MigrateError| match may_not(&source) {
        true => ConnectError::MayNotMigrate {
            place: place(options),
            role: options.get_username().to_owned(),
            source,
        },
        false => ConnectError::Migration { place: place(options), source },
    };
    let mut connection =
        PgConnection::connect_with(&in_public(options)).await.map_err(|error| failed(error.into()))?;
    refuse_too_old(&applied(&mut connection).await.map_err(failed)?, options)?;
    MIGRATOR.run_direct(None, &mut connection, false).await.map_err(failed)?;
    let _ = connection.close().await;
    Ok(())
}

/// What was applied, by version; nothing where there was never a migration.
async fn applied(connection: &mut PgConnection) -> Result<Vec<AppliedMigration>, MigrateError> {
    match connection.list_applied_migrations(&MIGRATOR.table_name).await {
        // undefined_table
        Err(error) if has_code(&error, "42P01") => Ok(Vec::new()),
        listed => listed,
    }
}

/// Refuses a schema that was made by migrations from before the first of this build. Their numbers say so: migrations are
/// only ever added at the end.
fn refuse_too_old(applied: &[AppliedMigration], options: &PgConnectOptions) -> Result<(), ConnectError> {
    let first = MIGRATOR.iter().map(|ours| ours.version).min().unwrap_or_default();
    match applied.iter().map(|theirs| theirs.version).min() {
        Some(found) if found < first => Err(ConnectError::TooOld { place: place(options), found, first }),
        _ => Ok(()),
    }
}

/// Whether Postgres refuses a migration because of who asks for it.
fn may_not(error: &MigrateError) -> bool {
    // insufficient_privilege
    has_code(error, "42501")
}

/// Whether Postgres refused a statement with this SQLSTATE.
fn has_code(error: &MigrateError, code: &str) -> bool {
    let (MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) = error else {
        return false;
    };
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref() == Some(code)
}

/// The migrations' own table has no schema in its name. By default Postgres looks for it in a schema named like the user
/// first, and a user named `batchsweep` has one: then no migration would seem to have been applied.
fn in_public(options: &PgConnectOptions) -> PgConnectOptions {
    options.clone().options([("search_path", "public")])
}

/// One connection, for a command that needs no more.
///
/// # Errors
/// [`ConnectError::Refused`].
pub async fn connect(options: &PgConnectOptions) -> Result<PgConnection, ConnectError> {
    PgConnection::connect_with(&in_public(options))
        .await
        .map_err(|source| ConnectError::Refused { place: place(options), source })
}

/// Gives a role a password. Postgres quotes it; where it logs statements (`log_statement = ddl`), this one is in its log.
///
/// # Errors
/// As any query: no such role, or not allowed.
pub async fn set_password(
    connection: &mut PgConnection,
    role: &str,
    password: &str,
) -> Result<(), sqlx::Error> {
    let statement: String =
        sqlx::query_scalar("select format('alter role %I password %L', $1::text, $2::text)")
            .bind(role)
            .bind(password)
            .fetch_one(&mut *connection)
            .await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(connection).await?;
    Ok(())
}

/// Opens the pools; connections are made as they are needed, and again after an outage.
#[must_use]
pub fn open(options: &PgConnectOptions) -> Store {
    let pool = |options: PgConnectOptions, connections| -> PgPool {
        PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(options)
    };
    // Queries take a millisecond; compiling one for its guessed cost takes hundreds.
    let options = in_public(options).options([("jit", "off")]);
    // A plan that was made and kept while a table was empty may read all of it for ever; planning anew costs a part of a
    // millisecond.
    let requests = options.clone().options([("plan_cache_mode", "force_custom_plan")]);
    // Here that part is half of all the work, and every query goes by keys: so plans are kept, and none is made that reads a
    // whole table. To Postgres an empty table's index is as good read to its end as asked for a key, so that queries join by
    // `key = any (array[other.key])`, which has no other way but by the key. A test looks at all of them.
    let by_key = [
        ("enable_seqscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
        ("plan_cache_mode", "force_generic_plan"),
    ];
    let vital = options.options(by_key);
    Store {
        requests: pool(requests.application_name("batchsweep-coordinator"), REQUEST_CONNECTIONS),
        vital: pool(vital.application_name("batchsweep-coordinator (leases)"), VITAL_CONNECTIONS),
    }
}

/// Checks that every migration of this build has been applied.
///
/// # Errors
/// [`ConnectError::NotMigrated`], and [`ConnectError::TooOld`] when its migrations are from before the first of this build.
pub async fn check_migrated(options: &PgConnectOptions) -> Result<(), ConnectError> {
    let unready = || ConnectError::NotMigrated { place: place(options) };
    let refused = |source| ConnectError::Refused { place: place(options), source };
    let mut connection = PgConnection::connect_with(&in_public(options)).await.map_err(refused)?;
    let applied = applied(&mut connection).await.map_err(|_| unready())?;
    refuse_too_old(&applied, options)?;
    let all = MIGRATOR.iter().all(|ours| {
        applied.iter().any(|theirs| theirs.version == ours.version && theirs.checksum == ours.checksum)
    });
    if all { Ok(()) } else { Err(unready()) }
}
