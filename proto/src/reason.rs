//! Stable reasons of errors, carried as `google.rpc.ErrorInfo`. Clients switch on these, never on texts.

use std::collections::HashMap;
use std::time::Duration;

use domain::text::printable;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

/// The `domain` of every `ErrorInfo`.
pub const ERROR_DOMAIN: &str = "batchsweep";

/// Why a call was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The sweep file breaks a rule; `BadRequest` says which.
    InvalidSpec,
    /// Another field of the request is missing or malformed.
    InvalidRequest,
    /// No such sweep, trial or worker.
    NotFound,
    /// A short id or a name that fits several.
    Ambiguous,
    /// The request id was used for another request.
    RequestIdReused,
    /// The attempt is not the current one: somebody else holds the trial, or nobody.
    LeaseLost,
    /// Records before these were never received.
    RecordsMissing,
    /// The worker's process is not the one that registered last under its name.
    WorkerSuperseded,
    /// Worker and coordinator do not speak the same protocol.
    ProtocolMismatch,
    /// The call does not fit the state of the sweep.
    WrongState,
    /// A file that a sweep names was not sent along, or is gone.
    UploadMissing,
    /// The file that came is not the one that was announced.
    UploadDamaged,
    /// This coordinator cannot keep files now: it has no store, or its store is full.
    StoreUnavailable,
    /// Too much at once.
    LimitExceeded,
    /// Too often; `RetryInfo` says when to ask again.
    RateLimited,
    /// The call carries no token, and the coordinator asks for one.
    TokenMissing,
    /// The token, or the header that carries it, is none that this coordinator knows.
    TokenInvalid,
    /// The token has expired.
    TokenExpired,
    /// The token was revoked.
    TokenRevoked,
    /// The token does not allow the call; the metadata's `scope` tells what would.
    MissingScope,
    /// The lease or the worker's name belongs to somebody else.
    NotHolder,
    /// The SQL statement is wrong, not allowed, or took too long.
    QueryFailed,
    /// The database is out of reach.
    DatabaseUnavailable,
    /// A fault of the coordinator; its log has more.
    Internal,
}

impl Reason {
    const ALL: [(Self, &'static str, Code); 24] = [
        (Self::InvalidSpec, "INVALID_SPEC", Code::InvalidArgument),
        (Self::InvalidRequest, "INVALID_REQUEST", Code::InvalidArgument),
        (Self::NotFound, "NOT_FOUND", Code::NotFound),
        (Self::Ambiguous, "AMBIGUOUS", Code::InvalidArgument),
        (Self::RequestIdReused, "REQUEST_ID_REUSED", Code::AlreadyExists),
        (Self::LeaseLost, "LEASE_LOST", Code::FailedPrecondition),
        (Self::RecordsMissing, "RECORDS_MISSING", Code::FailedPrecondition),
        (Self::WorkerSuperseded, "WORKER_SUPERSEDED", Code::FailedPrecondition),
        (Self::ProtocolMismatch, "PROTOCOL_MISMATCH", Code::FailedPrecondition),
        (Self::WrongState, "WRONG_STATE", Code::FailedPrecondition),
        (Self::UploadMissing, "UPLOAD_MISSING", Code::FailedPrecondition),
        (Self::UploadDamaged, "UPLOAD_DAMAGED", Code::DataLoss),
        (Self::StoreUnavailable, "STORE_UNAVAILABLE", Code::FailedPrecondition),
        (Self::LimitExceeded, "LIMIT_EXCEEDED", Code::ResourceExhausted),
        (Self::RateLimited, "RATE_LIMITED", Code::ResourceExhausted),
        (Self::TokenMissing, "TOKEN_MISSING", Code::Unauthenticated),
        (Self::TokenInvalid, "TOKEN_INVALID", Code::Unauthenticated),
        (Self::TokenExpired, "TOKEN_EXPIRED", Code::Unauthenticated),
        (Self::TokenRevoked, "TOKEN_REVOKED", Code::Unauthenticated),
        (Self::MissingScope, "MISSING_SCOPE", Code::PermissionDenied),
        (Self::NotHolder, "NOT_HOLDER", Code::PermissionDenied),
        (Self::QueryFailed, "QUERY_FAILED", Code::InvalidArgument),
        (Self::DatabaseUnavailable, "DATABASE_UNAVAILABLE", Code::Unavailable),
        (Self::Internal, "INTERNAL", Code::Internal),
    ];

    fn entry(self) -> (&'static str, Code) {
        Self::ALL
            .into_iter()
            .find(|&(reason, ..)| reason == self)
            .map_or(("INTERNAL", Code::Internal), |(_, word, code)| (word, code))
    }

    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.entry().0
    }

    /// The gRPC code that goes with it.
    #[must_use]
    pub fn code(self) -> Code {
        self.entry().1
    }

    /// A status with this reason.
    #[must_use]
    pub fn status(self, message: impl Into<String>) -> Status {
        self.status_with(message, ErrorDetails::new())
    }

    /// A status with this reason and further details, such as the fields of a `BadRequest`.
    #[must_use]
    pub fn status_with(self, message: impl Into<String>, details: ErrorDetails) -> Status {
        self.status_about(message, details, &[])
    }

    /// The same with metadata for programs, such as the scope that is missing.
    #[must_use]
    pub fn status_about(
        self,
        message: impl Into<String>,
        mut details: ErrorDetails,
        about: &[(&str, &str)],
    ) -> Status {
        let about: HashMap<String, String> =
            about.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        details.set_error_info(self.word(), ERROR_DOMAIN, about);
        if let Some(bad) = details.bad_request() {
            let violations = bad.field_violations.iter().take(MOST_VIOLATIONS).map(|violation| {
                FieldViolation::new(
                    sayable(&violation.field, MOST_OF_A_FIELD),
                    sayable(&violation.description, MOST_OF_A_FIELD),
                )
            });
            details.set_bad_request(violations.collect::<Vec<_>>());
        }
        Status::with_error_details(self.code(), sayable(&message.into(), MOST_TEXT), details)
    }

    /// A status with this reason that asks its caller to wait.
    #[must_use]
    pub fn status_later(self, message: impl Into<String>, delay: Duration) -> Status {
        self.status_with(message, ErrorDetails::with_retry_info(Some(delay)))
    }

    /// The reason that a status carries; `None` for one that is not ours, such as a lost connection.
    #[must_use]
    pub fn of(status: &Status) -> Option<Self> {
        let info = status.get_details_error_info()?;
        let ours = info.domain == ERROR_DOMAIN;
        Self::ALL.into_iter().find(|&(_, word, _)| ours && word == info.reason).map(|(reason, ..)| reason)
    }
}

/// Fields of one request that a status names.
const MOST_VIOLATIONS: usize = 24;

/// The most bytes of what a status says. All of it travels in headers, of which a client takes 16 KiB.
const MOST_TEXT: usize = 2_048;

/// The most bytes of each text about one field.
const MOST_OF_A_FIELD: usize = 200;

/// What a status says, with what others sent in it: no control characters for whoever prints it, and not without end.
fn sayable(text: &str, most: usize) -> String {
    let end = text.floor_char_boundary(most);
    let mut said = printable(&text[..end]).into_owned();
    if end < text.len() {
        said.push_str(&format!(" … ({} bytes more)", text.len() - end));
    }
    said
}

/// How long a refused caller is asked to wait before it asks again; `None` when it was not.
#[must_use]
pub fn retry_delay(status: &Status) -> Option<Duration> {
    status.get_details_retry_info()?.retry_delay
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_no_control_characters_and_not_without_end() {
        let status = Reason::QueryFailed.status("one\nhint: \u{1b}[31mtwo\u{9b}");
        assert_eq!(status.message(), "one\nhint: \u{fffd}[31mtwo\u{fffd}");
        let mut details = ErrorDetails::new();
        for index in 0..1_000 {
            details.add_bad_request_violation(format!("grid[{index}]"), "x".repeat(1 << 20));
        }
        let status = Reason::InvalidSpec.status_with("ä".repeat(1 << 20), details);
        assert!(status.message().ends_with("ä … (2095104 bytes more)"), "{}", status.message());
        let violations = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations.len(), MOST_VIOLATIONS);
        assert!(violations.iter().all(|violation| violation.description.len() < 2 * MOST_OF_A_FIELD));
    }

    #[test]
    fn a_caller_is_told_how_long_to_wait_and_what_is_missing() {
        let later = Reason::RateLimited.status_later("slower", Duration::from_millis(1_500));
        assert_eq!(retry_delay(&later), Some(Duration::from_millis(1_500)));
        assert_eq!(retry_delay(&Reason::Internal.status("broken")), None);
        let missing = Reason::MissingScope.status_about("no", ErrorDetails::new(), &[("scope", "work")]);
        assert_eq!(missing.get_details_error_info().unwrap().metadata["scope"], "work");
    }

    #[test]
    fn every_reason_survives_the_wire() {
        for (reason, word, code) in Reason::ALL {
            let status = reason.status("because");
            assert_eq!((Reason::of(&status), status.code()), (Some(reason), code), "{word}");
        }
    }

    #[test]
    fn a_foreign_status_has_no_reason() {
        assert_eq!(Reason::of(&Status::unavailable("connection refused")), None);
    }
}
