//! From what people type to ids: an id, a unique prefix of one (with or without dashes), a name (the newest), `@last`.

use domain::units::{SweepId, TrialId, WorkerId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::columns::bigint;
use super::{Result, StoreError, sweep};

/// The fewest hex digits that count as a prefix; shorter ones are more likely a slip.
const MIN_PREFIX: usize = 4;

/// The one character that Postgres's text cannot hold.
const NO_TEXT: char = '\0';

/// A trial and its sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrialIds {
    /// The trial.
    pub trial_id: TrialId,
    /// Its sweep.
    pub sweep_id: SweepId,
}

/// Finds a sweep.
///
/// # Errors
/// [`StoreError::NotFound`] with the nearest name, [`StoreError::Ambiguous`] with the candidates.
pub async fn sweep(connection: &mut PgConnection, text: &str) -> Result<SweepId> {
    let not_found = |near| StoreError::NotFound { kind: "sweep", name: text.to_owned(), near };
    if text.contains(NO_TEXT) {
        return Err(not_found(None));
    }
    if text == "@last" {
        let newest = sqlx::query_file!("queries/sweep/newest_sweep.sql").fetch_optional(connection).await?;
        return newest.map(|sweep| sweep.sweep_id.into()).ok_or_else(|| not_found(None));
    }
    let range = prefix_range(text);
    let (low, high) = range.unzip();
    let found = sqlx::query_file!("queries/sweep/find_sweeps.sql", text, low, high)
        .fetch_all(&mut *connection)
        .await?;
    let candidates: Vec<(Uuid, Option<String>)> =
        found.into_iter().filter_map(|row| Some((row.sweep_id?, row.name))).collect();
    // A name is what people call it, whatever ids begin with.
    let named = candidates.iter().filter(|(_, name)| name.as_deref() == Some(text)).max();
    match named.map_or(candidates.as_slice(), std::slice::from_ref) {
        [] => {
            let mut names = sqlx::query_file_scalar!("queries/sweep/recent_names.sql")
                .fetch_all(&mut *connection)
                .await?;
            names.push("@last".to_owned());
            let near = match nearest(text, names) {
                None => nearest_id(text, recent_ids(connection).await?),
                near => near,
            };
            Err(not_found(near))
        }
        [(sweep_id, _)] => Ok(SweepId(*sweep_id)),
        several => Err(StoreError::Ambiguous {
            kind: "sweep",
            name: text.to_owned(),
            candidates: several.iter().map(|(id, name)| describe(*id, name.as_deref())).collect(),
        }),
    }
}

/// Finds a trial by id, unique prefix of one, or index within its sweep.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Ambiguous`] with the candidates.
pub async fn trial(connection: &mut PgConnection, sweep_id: Option<SweepId>, text: &str) -> Result<TrialIds> {
    if let (Some(sweep_id), Ok(index)) = (sweep_id, text.parse::<u64>()) {
        let index = bigint("trial", index)?;
        let found = sqlx::query_file_as!(TrialIds, "queries/trial/trial_by_index.sql", sweep_id.0, index)
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(trial) = found {
            return Ok(trial);
        }
    }
    let Some((low, high)) = prefix_range(text) else {
        return Err(StoreError::NotFound { kind: "trial", name: text.to_owned(), near: None });
    };
    let found =
        sqlx::query_file_as!(TrialIds, "queries/trial/find_trials.sql", low, high, sweep_id.map(Uuid::from))
            .fetch_all(connection)
            .await?;
    match found.as_slice() {
        [] => Err(StoreError::NotFound { kind: "trial", name: text.to_owned(), near: None }),
        [trial] => Ok(*trial),
        several => Err(StoreError::Ambiguous {
            kind: "trial",
            name: text.to_owned(),
            candidates: several.iter().map(|trial| trial.trial_id.to_string()).collect(),
        }),
    }
}

/// Finds a worker by name, id or unique prefix of an id.
///
/// # Errors
/// [`StoreError::NotFound`] with the nearest name, [`StoreError::Ambiguous`] with the candidates.
pub async fn worker(connection: &mut PgConnection, text: &str) -> Result<WorkerId> {
    if text.contains(NO_TEXT) {
        return Err(StoreError::NotFound { kind: "worker", name: text.to_owned(), near: None });
    }
    let (low, high) = prefix_range(text).unzip();
    let found = sqlx::query_file!("queries/worker/find_workers.sql", text, low, high)
        .fetch_all(&mut *connection)
        .await?;
    match found.as_slice() {
        [] => {
            let names =
                sqlx::query_file_scalar!("queries/worker/recent_workers.sql").fetch_all(connection).await?;
            let near = nearest(text, names);
            Err(StoreError::NotFound { kind: "worker", name: text.to_owned(), near })
        }
        [worker] => Ok(worker.worker_id.into()),
        // A name is what people call it, whatever ids begin with.
        several => match several.iter().find(|worker| worker.name == text) {
            Some(named) => Ok(named.worker_id.into()),
            None => Err(StoreError::Ambiguous {
                kind: "worker",
                name: text.to_owned(),
                candidates: several
                    .iter()
                    .map(|worker| describe(worker.worker_id, Some(&worker.name)))
                    .collect(),
            }),
        },
    }
}

fn describe(id: Uuid, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("{id} ({name})"),
        None => id.to_string(),
    }
}

/// The first and the last id that begin with these hex digits; `None` for anything else.
fn prefix_range(text: &str) -> Option<(Uuid, Uuid)> {
    let digits: String = text.chars().filter(|&c| c != '-').collect();
    if !(MIN_PREFIX..=32).contains(&digits.len()) || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    let fill = |digit: &str| Uuid::try_parse(&format!("{digits}{}", digit.repeat(32 - digits.len()))).ok();
    Some((fill("0")?, fill("f")?))
}

/// The ids of sweeps that somebody may mean, newest first.
async fn recent_ids(connection: &mut PgConnection) -> Result<Vec<Uuid>> {
    const RECENT: i64 = 100;
    Ok(sweep::list(connection, None, RECENT).await?.into_iter().map(|row| row.sweep_id.0).collect())
}

/// The id that begins most like what was typed, with a slip or two; of several, the first. A short beginning may mean
/// anything.
fn nearest_id(text: &str, ids: Vec<Uuid>) -> Option<String> {
    const SLIPS: usize = 2;
    let digits = text.replace('-', "").to_ascii_lowercase();
    if !(2 * MIN_PREFIX..=32 + SLIPS).contains(&digits.len()) || !digits.is_ascii() {
        return None;
    }
    ids.into_iter()
        .map(|id| {
            let own = id.simple().to_string();
            (strsim::osa_distance(&digits, &own[..digits.len().min(own.len())]), id)
        })
        .filter(|(slips, _)| *slips <= SLIPS)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, id)| id.to_string())
}

/// The name most like what was typed, if any is much like it.
pub(super) fn nearest(text: &str, names: Vec<String>) -> Option<String> {
    names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(text, &name), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_spans_all_ids_that_begin_with_it() {
        let (low, high) = prefix_range("0199-A").unwrap();
        assert_eq!(low.to_string(), "0199a000-0000-0000-0000-000000000000");
        assert_eq!(high.to_string(), "0199afff-ffff-ffff-ffff-ffffffffffff");
        let id = Uuid::now_v7();
        assert_eq!(prefix_range(&id.to_string()), Some((id, id)));
    }

    #[test]
    fn a_short_or_other_text_is_no_prefix() {
        for text in ["", "019", "seed", "@last", "0199abcd0199abcd0199abcd0199abcd0"] {
            assert_eq!(prefix_range(text), None, "{text}");
        }
    }

    #[test]
    fn only_a_name_much_like_it_is_suggested() {
        let names = || vec!["fashion-mnist-mlp".to_owned(), "seed".to_owned()];
        assert_eq!(nearest("fashion-mnist", names()).as_deref(), Some("fashion-mnist-mlp"));
        assert_eq!(nearest("sede", names()).as_deref(), Some("seed"));
        assert_eq!(nearest("cifar", names()), None);
        assert_eq!(nearest("@lst", vec!["@last".to_owned()]).as_deref(), Some("@last"));
    }

    #[test]
    fn an_id_with_a_slip_is_suggested_and_one_unlike_it_is_not() {
        let ids: Vec<Uuid> = ["01a20eea-9a79-7004-8541-adb19aeaffd4", "01a20ee1-4611-74d6-9255-cf16a2f857c3"]
            .map(|id| Uuid::parse_str(id).unwrap())
            .to_vec();
        let near = |text| nearest_id(text, ids.clone()).map(|id| id[..8].to_owned());
        for slip in
            ["01a20eea-9a79-7004-8541-adb19aeaffdx", "01a20eea-9a79-7004-8541-adb19aeafd4", "01a2Oeea9a79"]
        {
            assert_eq!(near(slip).as_deref(), Some("01a20eea"), "{slip}");
        }
        assert_eq!(near("01a20ee14l11").as_deref(), Some("01a20ee1"));
        for other in ["01a2x", "0199abcd0199", "fashion-mnist", "ßßßßßßßßß", ""] {
            assert_eq!(near(other), None, "{other}");
        }
    }
}
