//! Tokens: who may call what. Only their hashes are here.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::access::Scope;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Result, StoreError};

/// A token as a coordinator knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The principal it stands for.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// Whether it counts.
    pub standing: Standing,
}

/// Whether a token counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It does, for so long; `None` for ever.
    Valid {
        /// Until it expires.
        remaining: Option<Duration>,
    },
    /// Not any more.
    Expired,
    /// Somebody ended it.
    Revoked,
}

/// A token for people to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Its id.
    pub token_id: Uuid,
    /// The principal it stands for.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    pub used_at: Option<DateTime<Utc>>,
    /// Whether it counts.
    pub valid: bool,
}

/// Stores a token by its hash.
///
/// # Errors
/// As any query.
pub async fn insert(
    connection: &mut PgConnection,
    name: &str,
    hash: &[u8; 32],
    scopes: &[Scope],
    lifetime: Option<Duration>,
) -> Result<TokenRow> {
    let scopes: Vec<String> = scopes.iter().map(ToString::to_string).collect();
    Ok(sqlx::query_file_as!(
        TokenRow,
        "queries/token/insert_token.sql",
        Uuid::new_v4(),
        name,
        hash.as_slice(),
        &scopes,
        lifetime.map(|lifetime| lifetime.as_secs_f64()) as Option<f64>,
    )
    .fetch_one(connection)
    .await?)
}

/// Lets one token stand for a name: kept where it is known, otherwise stored, with all earlier ones of the name revoked.
/// Whether it was new.
///
/// # Errors
/// As any query.
pub async fn keep(
    connection: &mut PgConnection,
    name: &str,
    hash: &[u8; 32],
    scopes: &[Scope],
) -> Result<bool> {
    use sqlx::Connection;
    let mut transaction = connection.begin().await?;
    let known = find(&mut transaction, hash).await?;
    let is_known =
        known.is_some_and(|found| found.name == name && matches!(found.standing, Standing::Valid { .. }));
    if !is_known {
        sqlx::query_file_as!(TokenRow, "queries/token/revoke_tokens.sql", name)
            .fetch_all(&mut *transaction)
            .await?;
        insert(&mut transaction, name, hash, scopes, None).await?;
    }
    transaction.commit().await?;
    Ok(!is_known)
}

/// Looks a token up by its hash, and notes that it was used.
///
/// # Errors
/// As any query.
pub async fn find(connection: &mut PgConnection, hash: &[u8; 32]) -> Result<Option<Found>> {
    let found = sqlx::query_file!("queries/token/find_token.sql", hash.as_slice())
        .fetch_optional(&mut *connection)
        .await?;
    let Some(found) = found else { return Ok(None) };
    let standing = match found.seconds_left {
        _ if found.revoked => Standing::Revoked,
        Some(seconds) if seconds <= 0.0 => Standing::Expired,
        // Past what a duration holds is as good as for ever.
        seconds => {
            Standing::Valid { remaining: seconds.and_then(|left| Duration::try_from_secs_f64(left).ok()) }
        }
    };
    if matches!(standing, Standing::Valid { .. }) {
        sqlx::query_file!("queries/token/note_use.sql", found.token_id).execute(connection).await?;
    }
    let scopes = found.scopes.iter().map(|word| {
        word.parse().map_err(|error| StoreError::corrupt(format!("token {}", found.token_id), error))
    });
    Ok(Some(Found { scopes: scopes.collect::<Result<_>>()?, name: found.name, standing }))
}

/// Ends the token with this hash, where it has this name and counts; what it allowed. Of several who ask at once, one is
/// told.
///
/// # Errors
/// As any query.
pub async fn end(connection: &mut PgConnection, name: &str, hash: &[u8; 32]) -> Result<Option<Vec<Scope>>> {
    let scopes = sqlx::query_file_scalar!("queries/token/end_token.sql", hash.as_slice(), name)
        .fetch_optional(connection)
        .await?;
    let parsed = |word: String| {
        word.parse().map_err(|error| StoreError::corrupt(format!("a token of `{name}`"), error))
    };
    scopes.map(|scopes| scopes.into_iter().map(parsed).collect()).transpose()
}

/// Tokens, newest first; those that are over only when asked for.
///
/// # Errors
/// As any query.
pub async fn list(connection: &mut PgConnection, all: bool) -> Result<Vec<TokenRow>> {
    Ok(sqlx::query_file_as!(TokenRow, "queries/token/list_tokens.sql", all).fetch_all(connection).await?)
}

/// Ends one token by its id, or all of a name; gives those that were not revoked before.
///
/// # Errors
/// [`StoreError::NotFound`] when there never was one.
pub async fn revoke(connection: &mut PgConnection, name_or_id: &str) -> Result<Vec<TokenRow>> {
    let revoked = sqlx::query_file_as!(TokenRow, "queries/token/revoke_tokens.sql", name_or_id)
        .fetch_all(&mut *connection)
        .await?;
    let there = !revoked.is_empty()
        || sqlx::query_file_scalar!("queries/token/has_token.sql", name_or_id).fetch_one(connection).await?;
    if there {
        return Ok(revoked);
    }
    Err(StoreError::NotFound { kind: "token", name: name_or_id.to_owned(), near: None })
}
