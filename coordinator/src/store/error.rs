//! Why the store did not do as asked.

use domain::units::{Attempt, RequestId, TrialId};
use sqlx::error::ErrorKind;

/// Why the store did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Postgres does not answer, or asks to try again; nothing was changed, or a repetition will find it done.
    #[error("the database is out of reach: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// Postgres refuses a statement that should have worked.
    #[error("the database refused a statement: {0}")]
    Database(#[source] sqlx::Error),
    /// A stored message does not read back.
    #[error("{what} is stored but cannot be read: {problem}")]
    Corrupt {
        /// Which, with its id.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A number or word that has no place in the table.
    #[error("`{field}` {problem}")]
    Invalid {
        /// The field by its path in the message.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// Nothing by this name or id.
    #[error("no {kind} `{name}`{}", .near.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    NotFound {
        /// `sweep`, `trial`, `worker` or `token`.
        kind: &'static str,
        /// As asked for.
        name: String,
        /// The nearest name that exists.
        near: Option<String>,
    },
    /// Several things by this name or id.
    #[error("`{name}` fits several {kind}s: {}", .candidates.join(", "))]
    Ambiguous {
        /// `sweep`, `trial` or `worker`.
        kind: &'static str,
        /// As asked for.
        name: String,
        /// What it fits, at most ten.
        candidates: Vec<String>,
    },
    /// The request id was used for something else.
    #[error("request id {0} was used for another sweep; use a fresh UUID for each request")]
    RequestIdReused(RequestId),
    /// The writer's attempt is not the current one.
    #[error("attempt {attempt} of trial {trial_id} is over: somebody else holds the trial, or nobody")]
    LeaseLost {
        /// The trial.
        trial_id: TrialId,
        /// The attempt that wanted to write.
        attempt: Attempt,
    },
    /// It is there, but not the caller's.
    #[error("{0} belongs to the holder of another token")]
    NotHolder(String),
    /// Records came, or were counted, past a gap.
    #[error("records are stored up to number {acked_seq}; send those from {} on first", .acked_seq + 1)]
    RecordsMissing {
        /// The last one stored without a gap.
        acked_seq: u64,
    },
    /// Another process has registered under the worker's name.
    #[error("another process has registered as worker `{0}`; this one is to stop")]
    WorkerSuperseded(String),
    /// A sweep names a file that is not here.
    #[error("the sweep's file {0} was not sent along, or is gone; `batchsweep submit` sends it")]
    UploadMissing(String),
    /// The call does not fit the state of the sweep.
    #[error("{0}")]
    WrongState(String),
    /// More rows than one message holds.
    #[error("the rows are more than one message holds ({limit} MiB); ask for one trial, or use SQL")]
    TooManyRows {
        /// The limit.
        limit: usize,
    },
}

impl StoreError {
    pub(crate) fn corrupt(what: impl Into<String>, problem: impl ToString) -> Self {
        Self::Corrupt { what: what.into(), problem: problem.to_string() }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if is_unavailable(&error) { Self::Unavailable(error) } else { Self::Database(error) }
    }
}

/// Whether an error says that Postgres is away, starting, stopping, full or asking for another try.
pub(crate) fn is_unavailable(error: &sqlx::Error) -> bool {
    use sqlx::Error;
    match error {
        Error::Io(_) | Error::Tls(_) | Error::PoolTimedOut | Error::PoolClosed | Error::WorkerCrashed => true,
        Error::Database(error) if error.kind() == ErrorKind::Other => error.code().is_some_and(|code| {
            // Connection exceptions, insufficient resources, serialization failure, deadlock, shutdown and start-up.
            code.starts_with("08")
                || code.starts_with("53")
                || ["40001", "40P01", "57P01", "57P02", "57P03"].contains(&code.as_ref())
        }),
        _ => false,
    }
}

/// Whether an error is the breach of this constraint.
pub(crate) fn breaks(error: &sqlx::Error, constraint: &str) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.constraint() == Some(constraint))
}
