//! From messages to what the store takes, as far as [`Wire`] does not do it: ids, references, limits, scopes and pages.

use std::fmt::Display;
use std::str::FromStr;

use domain::access::Scope;
use domain::lifecycle::TrialStatus;
use domain::run::{Checkpoint, Impossible, Lease, Progress};
use domain::table::View;
use domain::text::is_printable;
use domain::units::{Attempt, SweepWeight};
use proto::{Wire, v1};
use tonic::Status;

use crate::access::status::{invalid, of_wire};
use crate::store::checkpoint::Stale;
use crate::store::lease::Beat;
use crate::store::rows::{Cursor, Wanted};

/// The longest name of a worker.
const MAX_NAME: usize = 200;

/// The longest way to name a sweep or a trial.
const MAX_REFERENCE: usize = 200;

/// The fewest rows a page of a view may be asked to hold.
const SMALLEST_PAGE: u32 = 100;

/// The most.
const LARGEST_PAGE: u32 = 1_000_000;

/// Leases that one message of a worker may name.
pub const MAX_LEASES: usize = 1_000;

/// Scopes that one request may name.
const MAX_SCOPES: usize = 16;

/// That a repeated field holds at most so many of these. Each is looked up or written, and others wait meanwhile.
pub fn few<T>(field: &str, items: &[T], what: &str, most: usize) -> Result<(), Status> {
    if items.len() > most {
        return Err(invalid(field, &format!("holds {} {what}; send at most {most}", items.len())));
    }
    Ok(())
}

/// An id or a hash.
pub fn parsed<T: FromStr<Err: Display>>(field: &str, text: &str) -> Result<T, Status> {
    reference(field, text)?.parse().map_err(|error: T::Err| invalid(field, &error.to_string()))
}

/// What a field says that must be there.
pub fn required<T: Wire>(field: &str, message: Option<T::Message>) -> Result<T, Status> {
    wire(message.ok_or_else(|| invalid(field, "is missing"))?)
}

/// That a number of a worker's is one that training can give.
pub fn possible(field: &str, checked: Result<(), Impossible>) -> Result<(), Status> {
    checked.map_err(|impossible| invalid(&format!("{field}.{}", impossible.field), impossible.problem))
}

/// What a message says.
pub fn wire<T: Wire>(message: T::Message) -> Result<T, Status> {
    T::from_wire(message).map_err(|error| of_wire(&error))
}

/// The right to write for a trial.
pub fn lease(message: Option<v1::Lease>) -> Result<Lease, Status> {
    required("lease", message)
}

/// A lease and how far its trial is.
pub fn beat(message: v1::LeaseProgress) -> Result<Beat, Status> {
    let progress: Progress = wire(message.progress.unwrap_or_default())?;
    Ok(Beat { lease: lease(message.lease)?, progress })
}

/// Checkpoints that a worker removed.
pub fn stale(message: &v1::StaleCheckpoints) -> Result<Stale, Status> {
    let attempt = Attempt::try_from(i64::from(message.attempt));
    Ok(Stale {
        trial_id: parsed("removed.trial_id", &message.trial_id)?,
        attempt: attempt.map_err(|error| invalid("removed.attempt", &error.to_string()))?,
    })
}

/// A checkpoint; its path is handed to other workers.
pub fn checkpoint(message: Option<v1::Checkpoint>) -> Result<Checkpoint, Status> {
    let checkpoint: Checkpoint = required("checkpoint", message)?;
    let path = reference("checkpoint.path", &checkpoint.path)?;
    if path.is_empty() || path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(invalid("checkpoint.path", "is no path within a store"));
    }
    Ok(checkpoint)
}

/// Which rows of a view; the sweep and the trial are to be looked up.
pub fn wanted(view: View, request: &v1::ListRowsRequest) -> Result<Wanted<'_>, Status> {
    let given = |text: &'_ str| !text.is_empty();
    if given(&request.status) {
        if !matches!(view, View::Result | View::Trial) {
            return Err(invalid("status", "goes with results and trials only"));
        }
        parsed::<TrialStatus>("status", &request.status)?;
    }
    if given(&request.name) && view != View::Metric {
        return Err(invalid("name", "goes with metrics only"));
    }
    let has_pages = matches!(view, View::Result | View::Trial | View::Metric | View::Split | View::Attempt);
    if !has_pages && (given(&request.page_token) || request.page_size > 0) {
        return Err(invalid("page_size", "goes with results, trials, metrics, splits and attempts only"));
    }
    if given(&request.page_token) && request.page_size == 0 {
        return Err(invalid("page_size", "is missing"));
    }
    Ok(Wanted {
        status: Some(request.status.as_str()).filter(|text| given(text)),
        name: Some(request.name.as_str()).filter(|text| given(text)),
        after: if given(&request.page_token) { Some(cursor(&request.page_token)?) } else { None },
        // A place has a handful of rows; a smaller page might hold none of it whole.
        limit: (request.page_size > 0).then(|| request.page_size.clamp(SMALLEST_PAGE, LARGEST_PAGE)),
        ..Wanted::default()
    })
}

/// A place among rows, as [`super::encode::cursor`] writes it.
fn cursor(token: &str) -> Result<Cursor, Status> {
    let cursor = || {
        let (trial_id, step) = token.split_once('/')?;
        Some(Cursor { trial_id: trial_id.parse().ok()?, step: step.parse().ok()? })
    };
    cursor().ok_or_else(|| invalid("page_token", "is not of this list"))
}

/// The name of a worker.
pub fn worker_name(name: &str) -> Result<&str, Status> {
    if name.is_empty() || name.len() > MAX_NAME || !is_one_line(name) {
        return Err(invalid("name", &format!("must have 1 to {MAX_NAME} printable characters")));
    }
    Ok(name)
}

fn is_one_line(text: &str) -> bool {
    text.chars().all(|letter| is_printable(letter) && !letter.is_control())
}

/// What names a sweep or a trial; errors repeat it, so it is short.
pub fn reference<'a>(field: &str, text: &'a str) -> Result<&'a str, Status> {
    if text.len() > MAX_REFERENCE || !is_one_line(text) {
        return Err(invalid(field, &format!("is over {MAX_REFERENCE} bytes, or not printable")));
    }
    Ok(text)
}

/// What a token allows.
pub fn scopes(words: &[String]) -> Result<Vec<Scope>, Status> {
    few("scopes", words, "scopes", MAX_SCOPES)?;
    let mut scopes = Vec::new();
    for word in words {
        scopes.push(parsed("scopes", word)?);
    }
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        return Err(invalid("scopes", "are missing; there are submit, work, read and admin"));
    }
    Ok(scopes)
}

/// A sweep's share of the workers.
pub fn weight(weight: f64) -> Result<SweepWeight, Status> {
    SweepWeight::try_new(weight)
        .map_err(|error| invalid("weight", &format!("must be {}, not {}", error.rule, error.found)))
}

#[cfg(test)]
mod tests {
    use domain::units::WorkerId;

    use super::*;

    #[test]
    fn a_reference_is_short_and_printable() {
        assert!(reference("sweep", "fashion-mnist").is_ok());
        assert!(reference("sweep", &"x".repeat(201)).is_err());
        assert!(reference("sweep", "a\0").is_err());
    }

    #[test]
    fn a_checkpoint_has_a_hash_and_a_path_within_its_store() {
        let at = |path: &str, sha256: &str| {
            let (path, sha256) = (path.to_owned(), sha256.to_owned());
            checkpoint(Some(v1::Checkpoint { path, sha256, attempt: 1, ..v1::Checkpoint::default() }))
        };
        let hash = "0f".repeat(32);
        assert!(at("checkpoints/t/1-5.safetensors", &hash).is_ok());
        for path in ["", "/etc/passwd", "a/../b", "..", "a//b", "a\n"] {
            assert!(at(path, &hash).is_err(), "{path}");
        }
        assert!(at("a", "").is_err());
    }

    #[test]
    fn scopes_are_known_and_stand_once() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(scopes(&words(&["work", "read", "work"])).unwrap(), [Scope::Work, Scope::Read]);
        assert!(scopes(&[]).is_err() && scopes(&words(&["root"])).is_err());
    }

    #[test]
    fn a_bad_id_is_named_with_its_field() {
        let status = parsed::<WorkerId>("worker_id", "seven").unwrap_err();
        assert!(status.message().contains("`worker_id`") && status.message().contains("seven"), "{status}");
    }
}
