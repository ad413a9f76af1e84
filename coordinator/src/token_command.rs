//! `batchsweep-coordinator token`: tokens by way of the database, for the first ones and for those who run the coordinator.
//! A token is written to standard output or a file once, and told nowhere else.

use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use coordinator::config::DatabaseConfig;
use coordinator::store::connect;
use coordinator::store::token::{self, TokenRow};
use domain::access::{Scope, check_principal};
use domain::units::{ParseTimeSpanError, TimeSpan};
use proto::Token;
use sqlx::{Connection, PgConnection};
use telemetry::log::line;

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token and write it to standard output, or to a file that only you may read
    Create(CreateArgs),
    /// List tokens, newest first; the tokens themselves are not kept
    List {
        /// Also those that have expired or were revoked.
        #[arg(long)]
        all: bool,

        #[command(flatten)]
        database: DatabaseConfig,
    },
    /// Revoke one token by its id, or all of a name; coordinators notice within seconds
    Revoke {
        /// Name or id.
        #[arg(value_name = "NAME|ID")]
        token: String,

        #[command(flatten)]
        database: DatabaseConfig,
    },
}

/// A token to make.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Whom it is for; several tokens may have one name, so that one can take another's place.
    #[arg(value_parser = name)]
    name: String,

    /// What it allows: submit, work, read or admin; give it several times for several.
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    scopes: Vec<Scope>,

    /// How long it is valid, such as 12h or 90d [default: for ever].
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    expires: Option<Duration>,

    /// A new file to write it to instead of standard output; only you may read it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    #[command(flatten)]
    database: DatabaseConfig,
}

/// Does it.
///
/// # Errors
/// When the database is out of reach or refuses, and when a file cannot be written.
pub async fn run(command: TokenCommand) -> anyhow::Result<()> {
    match command {
        TokenCommand::Create(arguments) => create(arguments).await,
        TokenCommand::List { all, database } => {
            let tokens = token::list(&mut connect(&database).await?, all).await?;
            match write_out(&table(&tokens)) {
                // A reader that has gone, such as `head`, has what it wanted.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
                written => written.context("cannot write to standard output"),
            }
        }
        TokenCommand::Revoke { token, database } => {
            let revoked = token::revoke(&mut connect(&database).await?, &token).await?;
            for token in &revoked {
                let scopes = token.scopes.join(", ");
                line(format_args!("revoked {} of `{}` ({scopes})", token.token_id, token.name));
            }
            if revoked.is_empty() {
                line(format_args!("`{token}` was revoked before"));
            }
            Ok(())
        }
    }
}

async fn create(arguments: CreateArgs) -> anyhow::Result<()> {
    let CreateArgs { name, mut scopes, expires, out, database } = arguments;
    scopes.sort_unstable();
    scopes.dedup();
    let new = Token::random().context("the system gives no random bytes")?;
    let mut connection = connect(&database).await?;
    // In one transaction with the file: nobody ends up with a token that is nowhere.
    let mut transaction = connection.begin().await?;
    let row = token::insert(&mut transaction, &name, &new.hash(), &scopes, expires).await?;
    match &out {
        Some(file) => new.write_new(file).with_context(|| format!("cannot write {}", file.display()))?,
        None => {
            write_out(&format!("{}\n", new.expose())).context("cannot write the token to standard output")?;
        }
    }
    transaction.commit().await?;
    let place = out.map_or_else(
        || "keep it in a file that only its user may read".to_owned(),
        |file| format!("it is in {}", file.display()),
    );
    let until = row.expires_at.map_or_else(|| "for ever".to_owned(), |at| format!("until {}", moment(&at)));
    let scopes = row.scopes.join(", ");
    line(format_args!("token {} of `{name}` allows {scopes}, {until}; {place}", row.token_id));
    Ok(())
}

fn write_out(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

async fn connect(database: &DatabaseConfig) -> anyhow::Result<PgConnection> {
    let options = database.options()?;
    connect::check_migrated(&options).await?;
    Ok(connect::connect(&options).await?)
}

fn table(tokens: &[TokenRow]) -> String {
    let mut rows = vec![["ID", "NAME", "SCOPES", "CREATED", "USED", "EXPIRES", "STATE"].map(str::to_owned)];
    for token in tokens {
        let never = |at: &Option<_>| at.as_ref().map_or_else(|| "never".to_owned(), moment);
        let state = match (token.valid, token.revoked_at) {
            (true, _) => "valid",
            (false, Some(_)) => "revoked",
            (false, None) => "expired",
        };
        rows.push([
            token.token_id.to_string(),
            token.name.clone(),
            token.scopes.join(","),
            moment(&token.created_at),
            never(&token.used_at),
            never(&token.expires_at),
            state.to_owned(),
        ]);
    }
    let widths: Vec<usize> =
        (0..7).map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
    }
    text
}

fn moment(at: &chrono::DateTime<chrono::Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn name(text: &str) -> Result<String, String> {
    check_principal(text).map(|()| text.to_owned())
}

/// A length of time up to a hundred years.
fn lifetime(text: &str) -> Result<Duration, ParseTimeSpanError> {
    const HUNDRED_YEARS_DAYS: u32 = 36_600;
    TimeSpan::within(text, HUNDRED_YEARS_DAYS).map(|span| span.0)
}
