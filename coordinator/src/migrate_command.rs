//! `batchsweep-coordinator migrate`: everything that must be in the database before coordinators start, in one command
//! that may run again and again.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use coordinator::config::DatabaseConfig;
use coordinator::store::connect;
use coordinator::store::token;
use domain::access::{Scope, check_principal};
use proto::Token;
use telemetry::LogFormat;

/// How long to wait for Postgres.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to bring up to date.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    #[command(flatten)]
    database: DatabaseConfig,

    /// Set a role's password to what a file holds; give it several times for several roles.
    #[arg(long = "role-password", value_name = "ROLE=FILE", value_parser = role_password)]
    role_passwords: Vec<(String, PathBuf)>,

    /// Let the token in a file stand for NAME with these scopes. One that is known already is kept; other tokens of
    /// that name are revoked, so that a new file takes the place of the old one.
    #[arg(long = "keep-token", value_name = "NAME=SCOPE,...=FILE", value_parser = kept_token)]
    kept_tokens: Vec<KeptToken>,
}

/// A token that is made elsewhere.
#[derive(Debug, Clone)]
struct KeptToken {
    name: String,
    scopes: Vec<Scope>,
    file: PathBuf,
}

/// Does it, waiting for Postgres first.
///
/// # Errors
/// When a file cannot be read, or the database is out of reach or refuses.
pub async fn run(arguments: MigrateArgs) -> anyhow::Result<()> {
    telemetry::log::start(LogFormat::Text, "info,sqlx=warn");
    // Files first: a missing one is told before anything is waited for.
    let passwords = arguments.role_passwords.iter().map(|(role, file)| {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        anyhow::ensure!(!text.trim().is_empty(), "{} holds no password", file.display());
        Ok((role, text.trim().to_owned()))
    });
    let passwords = passwords.collect::<anyhow::Result<Vec<_>>>()?;
    let tokens = arguments.kept_tokens.iter().map(|kept| Ok((kept, Token::read(&kept.file)?)));
    let tokens = tokens.collect::<anyhow::Result<Vec<_>>>()?;

    let options = arguments.database.options()?;
    connect::wait_for(&options, PATIENCE).await?;
    connect::migrate(&options).await?;
    let mut connection = connect::connect(&options).await?;
    for (role, password) in passwords {
        connect::set_password(&mut connection, role, &password)
            .await
            .with_context(|| format!("cannot set the password of role `{role}`"))?;
        tracing::info!("role `{role}` has the password of its file");
    }
    for (kept, token) in tokens {
        let is_new = token::keep(&mut connection, &kept.name, &token.hash(), &kept.scopes).await?;
        let what = if is_new { "is new; earlier ones are revoked" } else { "is known" };
        tracing::info!("the token of `{}` {what}", kept.name);
    }
    Ok(())
}

fn role_password(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((role, file)) if !role.is_empty() && !file.is_empty() => Ok((role.to_owned(), file.into())),
        _ => Err("write it as ROLE=FILE".to_owned()),
    }
}

fn kept_token(text: &str) -> Result<KeptToken, String> {
    let parts: Vec<_> = text.splitn(3, '=').collect();
    let [name, scopes, file] = parts[..] else { return Err("write it as NAME=SCOPE,...=FILE".to_owned()) };
    check_principal(name)?;
    let scopes = scopes.split(',').map(str::parse).collect::<Result<Vec<Scope>, _>>();
    Ok(KeptToken {
        name: name.to_owned(),
        scopes: scopes.map_err(|error| error.to_string())?,
        file: file.into(),
    })
}
