//! From messages to what the store takes.

use domain::access::Scope;
use domain::lifecycle::TrialStatus;
use domain::units::SweepWeight;
use proto::v1;
use tonic::Status;
use uuid::Uuid;

use super::status::{invalid, of_store};
use crate::store::bigint;
use crate::store::checkpoint::Stale;
use crate::store::ending::FailureKind;
use crate::store::lease::{Beat, LeaseKey};
use crate::store::rows::{Place, View, Wanted};

/// The longest name of a worker.
const MAX_NAME: usize = 200;

/// The longest way to name a sweep or a trial.
const MAX_REFERENCE: usize = 200;

/// The fewest rows a page of a view may be asked to hold.
const SMALLEST_PAGE: u32 = 100;

/// The most.
const LARGEST_PAGE: u32 = 1_000_000;

/// A UUID.
pub fn id(field: &str, text: &str) -> Result<Uuid, Status> {
    Uuid::try_parse(text).map_err(|_| invalid(field, &format!("is `{text}`, which is no UUID")))
}

/// A lease.
pub fn lease(message: Option<&v1::Lease>) -> Result<LeaseKey, Status> {
    let lease = message.ok_or_else(|| invalid("lease", "is missing"))?;
    Ok(LeaseKey {
        trial_id: id("lease.trial_id", &lease.trial_id)?,
        attempt: i32::try_from(lease.attempt).map_err(|_| invalid("lease.attempt", "is past 2^31 - 1"))?,
        token: lease.token.clone(),
    })
}

/// A lease and how far its trial is.
pub fn beat(message: &v1::LeaseProgress) -> Result<Beat, Status> {
    let progress = message.progress.unwrap_or_default();
    Ok(Beat {
        key: lease(message.lease.as_ref())?,
        phase: match progress.phase() {
            v1::Phase::Unspecified | v1::Phase::Preparing => "preparing",
            v1::Phase::Training => "training",
            v1::Phase::Evaluating => "evaluating",
        },
        step: bigint("progress.step", progress.step).map_err(of_store)?,
        total_steps: bigint("progress.total_steps", progress.total_steps).map_err(of_store)?,
        train_loss: progress.train_loss.filter(|loss| loss.is_finite()),
        micro_batch: bigint("progress.micro_batch", progress.micro_batch).map_err(of_store)?,
    })
}

/// A kind of error.
pub fn failure_kind(kind: v1::FailureKind) -> Result<FailureKind, Status> {
    Ok(match kind {
        v1::FailureKind::Input => FailureKind::Input,
        v1::FailureKind::Files => FailureKind::Files,
        v1::FailureKind::Trainer => FailureKind::Trainer,
        v1::FailureKind::Crash => FailureKind::Crash,
        v1::FailureKind::SuspectedHostOom => FailureKind::SuspectedHostOom,
        v1::FailureKind::Hung => FailureKind::Hung,
        v1::FailureKind::SpoolFull => FailureKind::SpoolFull,
        v1::FailureKind::Unspecified => {
            return Err(invalid("kind", "is missing, or not known to this version"));
        }
    })
}

/// Checkpoints that a worker removed.
pub fn stale(message: &v1::StaleCheckpoints) -> Result<Stale, Status> {
    let trial_id = id("removed.trial_id", &message.trial_id)?;
    let attempt = i32::try_from(message.attempt)
        .map_err(|_| invalid("removed.attempt", "is more than any trial has"))?;
    Ok(Stale { trial_id, attempt })
}

/// A checkpoint; its path is handed to other workers.
pub fn checkpoint(message: Option<v1::Checkpoint>) -> Result<v1::Checkpoint, Status> {
    let checkpoint = message.ok_or_else(|| invalid("checkpoint", "is missing"))?;
    if !is_sha256(&checkpoint.sha256) {
        return Err(invalid("checkpoint.sha256", "is not 64 hex digits"));
    }
    let path = reference("checkpoint.path", &checkpoint.path)?;
    if path.is_empty() || path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(invalid("checkpoint.path", "is no path within a store"));
    }
    Ok(checkpoint)
}

/// Whether this is a hash in hex digits.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A view.
pub fn view(view: v1::View) -> Result<View, Status> {
    Ok(match view {
        v1::View::Result => View::Result,
        v1::View::Trial => View::Trial,
        v1::View::Metric => View::Metric,
        v1::View::Split => View::Split,
        v1::View::Attempt => View::Attempt,
        v1::View::Log => View::Log,
        v1::View::Worker => View::Worker,
        v1::View::BestLearningRate => View::BestLearningRate,
        v1::View::Unspecified => return Err(invalid("view", "is missing, or not known to this version")),
    })
}

/// Which rows of a view; the sweep and the trial are to be looked up.
pub fn wanted(view: View, request: &v1::ListRowsRequest) -> Result<Wanted<'_>, Status> {
    let given = |text: &'_ str| !text.is_empty();
    if given(&request.status) {
        if !matches!(view, View::Result | View::Trial) {
            return Err(invalid("status", "goes with results and trials only"));
        }
        if let Err(error) = request.status.parse::<TrialStatus>() {
            return Err(invalid("status", &error.to_string()));
        }
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
        after: if given(&request.page_token) { Some(place(&request.page_token)?) } else { None },
        // A place has a handful of rows; a smaller page might hold none of it whole.
        limit: (request.page_size > 0).then(|| request.page_size.clamp(SMALLEST_PAGE, LARGEST_PAGE)),
        ..Wanted::default()
    })
}

/// A place among rows, as [`super::encode::place`] writes it.
fn place(token: &str) -> Result<Place, Status> {
    let place = || {
        let (trial_id, step) = token.split_once('/')?;
        Some(Place { trial_id: trial_id.parse().ok()?, step: step.parse().ok()? })
    };
    place().ok_or_else(|| invalid("page_token", "is not of this list"))
}

/// The name of a worker.
pub fn worker_name(name: &str) -> Result<&str, Status> {
    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(invalid("name", &format!("must have 1 to {MAX_NAME} printable characters")));
    }
    Ok(name)
}

/// What names a sweep or a trial; errors repeat it, so it is short.
pub fn reference<'a>(field: &str, text: &'a str) -> Result<&'a str, Status> {
    if text.len() > MAX_REFERENCE || text.chars().any(char::is_control) {
        return Err(invalid(field, &format!("is over {MAX_REFERENCE} bytes, or not printable")));
    }
    Ok(text)
}

/// What a token allows.
pub fn scopes(words: &[String]) -> Result<Vec<Scope>, Status> {
    let mut scopes = Vec::new();
    for word in words {
        let scope = reference("scopes", word)?.parse::<Scope>();
        scopes.push(scope.map_err(|error| invalid("scopes", &error.to_string()))?);
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
    use super::*;

    #[test]
    fn a_reference_is_short_and_printable() {
        assert!(reference("sweep", "fashion-mnist").is_ok());
        assert!(reference("sweep", &"x".repeat(201)).is_err());
        assert!(reference("sweep", "a\0").is_err());
    }

    #[test]
    fn a_checkpoint_has_a_hash_and_a_path_within_its_store() {
        let at = |path: &str| {
            let path = path.to_owned();
            checkpoint(Some(v1::Checkpoint { path, sha256: "0f".repeat(32), ..v1::Checkpoint::default() }))
        };
        assert!(at("checkpoints/t/1-5.safetensors").is_ok());
        for path in ["", "/etc/passwd", "a/../b", "..", "a//b", "a\n"] {
            assert!(at(path).is_err(), "{path}");
        }
        assert!(checkpoint(Some(v1::Checkpoint { path: "a".to_owned(), ..Default::default() })).is_err());
    }

    #[test]
    fn scopes_are_known_and_stand_once() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(scopes(&words(&["work", "read", "work"])).unwrap(), [Scope::Work, Scope::Read]);
        assert!(scopes(&[]).is_err() && scopes(&words(&["root"])).is_err());
    }

    #[test]
    fn a_bad_id_is_named_with_its_field() {
        let status = id("worker_id", "seven").unwrap_err();
        assert!(status.message().contains("`worker_id`") && status.message().contains("seven"), "{status}");
    }
}
