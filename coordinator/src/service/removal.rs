//! Rename, tag and remove.

use domain::spec::{NAME_RULE, is_name};
use domain::units::SweepId;
use proto::v1;
use sqlx::PgConnection;
use tonic::Status;

use super::{decode, encode};
use crate::access::Caller;
use crate::access::status::{invalid, of_store};
use crate::context::Context;
use crate::store::removal::MAX_TAGS;
use crate::store::sweep;
use crate::store::upload::{self, Read};
use crate::store::{self, removal, resolve};
use crate::uploads;

/// Sweeps that one request may remove.
const MAX_SWEEPS: usize = 1_000;

/// Calls a sweep by another name.
pub async fn rename(context: &Context, request: v1::RenameSweepRequest) -> Result<v1::Sweep, Status> {
    let reference = decode::reference("sweep", &request.sweep)?;
    check_word("name", &request.name)?;
    changed(context, reference, async |connection, sweep_id| {
        removal::rename(connection, sweep_id, &request.name).await
    })
    .await
}

/// Gives a sweep tags, and takes others away.
pub async fn tag(context: &Context, request: v1::TagSweepRequest) -> Result<v1::Sweep, Status> {
    let reference = decode::reference("sweep", &request.sweep)?;
    for (field, words) in [("add", &request.add), ("remove", &request.remove)] {
        decode::few(field, words, "tags", MAX_TAGS)?;
        words.iter().try_for_each(|word| check_word(field, word))?;
    }
    changed(context, reference, async |connection, sweep_id| {
        removal::tag(connection, sweep_id, &request.add, &request.remove).await
    })
    .await
}

/// Changes a sweep, and gives it as it is then.
async fn changed(
    context: &Context,
    reference: &str,
    change: impl AsyncFnOnce(&mut PgConnection, SweepId) -> store::Result<()>,
) -> Result<v1::Sweep, Status> {
    let changed = async {
        let mut transaction = context.store.begin().await?;
        let sweep_id = resolve::sweep(&mut transaction, reference).await?;
        change(&mut transaction, sweep_id).await?;
        let row = sweep::get(&mut transaction, sweep_id).await?;
        transaction.commit().await?;
        encode::sweep(&row)
    };
    changed.await.map_err(of_store)
}

fn check_word(field: &str, word: &str) -> Result<(), Status> {
    if is_name(word) {
        return Ok(());
    }
    let word: String = word.chars().take(64).collect();
    Err(invalid(field, &format!("is {NAME_RULE}, not {word:?}")))
}

/// Removes sweeps, or only says which it would be.
pub async fn remove(
    context: &Context,
    caller: &Caller,
    request: v1::RemoveSweepsRequest,
) -> Result<v1::RemoveSweepsResponse, Status> {
    let references = &request.sweeps;
    decode::few("sweeps", references, "sweeps", MAX_SWEEPS)?;
    if references.is_empty() {
        return Err(invalid("sweeps", "names none"));
    }
    references.iter().try_for_each(|sweep| decode::reference("sweeps", sweep).map(drop))?;
    let (sweeps, read) = removed(context, references, request.validate_only).await.map_err(of_store)?;
    let mut freed_bytes = 0;
    if !request.validate_only {
        for sweep in &sweeps {
            tracing::info!(
                by = caller.name(),
                sweep_id = sweep.sweep_id,
                name = sweep.name,
                "a sweep is removed"
            );
        }
        // They are gone either way; their space is taken up by later sweeps if not now.
        freed_bytes = removal::give_back_space(&context.store.requests).await.unwrap_or_else(|error| {
            tracing::warn!("the space of removed sweeps stays with the database: {error}");
            0
        });
        freed_bytes +=
            uploads::forget_left(&context.store, &context.uploads, &read).await.unwrap_or_else(|status| {
                tracing::warn!(
                    "files that were sent along with removed sweeps go later: {}",
                    status.message()
                );
                0
            });
    }
    Ok(v1::RemoveSweepsResponse { sweeps, freed_bytes })
}

/// The sweeps, and the files that only they may have read.
async fn removed(
    context: &Context,
    references: &[String],
    validate_only: bool,
) -> store::Result<(Vec<v1::Sweep>, Vec<Read>)> {
    let mut transaction = context.store.begin().await?;
    let mut sweep_ids: Vec<SweepId> = Vec::with_capacity(references.len());
    for reference in references {
        let sweep_id = resolve::sweep(&mut transaction, reference).await?;
        if !sweep_ids.contains(&sweep_id) {
            sweep_ids.push(sweep_id);
        }
    }
    removal::lock(&mut transaction, &sweep_ids).await?;
    let mut sweeps = Vec::with_capacity(sweep_ids.len());
    for &sweep_id in &sweep_ids {
        let row = sweep::get(&mut transaction, sweep_id).await?;
        sweeps.push(v1::Sweep { source: String::new(), ..encode::without_spec(&row) });
    }
    let read = upload::of_sweeps(&mut transaction, &sweep_ids).await?;
    if !validate_only {
        removal::remove(&mut transaction, &sweep_ids).await?;
        transaction.commit().await?;
    }
    Ok((sweeps, read))
}
