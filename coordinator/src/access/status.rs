//! From errors to gRPC statuses, in one place. What went wrong inside is logged here and not sent.

use std::collections::HashMap;

use domain::SpecIssue;
use proto::reason::ERROR_DOMAIN;
use proto::{Reason, WireError};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::store::StoreError;
use crate::store::rows::reader::ReaderError;

/// A store's error.
pub fn of_store(error: StoreError) -> Status {
    let reason = match &error {
        StoreError::Unavailable(_) => Reason::DatabaseUnavailable,
        StoreError::Database(_) | StoreError::Corrupt { .. } => return internal(&error),
        StoreError::Invalid { .. } => Reason::InvalidRequest,
        StoreError::NotFound { .. } => Reason::NotFound,
        StoreError::Ambiguous { .. } => Reason::Ambiguous,
        StoreError::RequestIdReused(_) => Reason::RequestIdReused,
        StoreError::LeaseLost { .. } => Reason::LeaseLost,
        StoreError::NotHolder(_) => Reason::NotHolder,
        StoreError::RecordsMissing { .. } => Reason::RecordsMissing,
        StoreError::WorkerSuperseded(_) => Reason::WorkerSuperseded,
        StoreError::UploadMissing(_) => Reason::UploadMissing,
        StoreError::WrongState(_) => Reason::WrongState,
        StoreError::TooManyRows { .. } => Reason::LimitExceeded,
    };
    let hint = match &error {
        StoreError::NotFound { kind: "trial", .. } => "\nhint: list trials with: batchsweep trials SWEEP",
        _ => "",
    };
    reason.status(format!("{error}{hint}"))
}

/// A statement's error.
pub fn of_reader(error: &ReaderError) -> Status {
    let reason = match error {
        ReaderError::Statement(_) | ReaderError::NoSuchView { .. } | ReaderError::Login(_) => {
            Reason::QueryFailed
        }
        ReaderError::Busy => Reason::LimitExceeded,
        ReaderError::Unavailable(_) => Reason::DatabaseUnavailable,
    };
    reason.status(error.to_string())
}

/// A message that says nothing sensible at some field.
pub fn of_wire(error: &WireError) -> Status {
    invalid(error.field, &error.problem)
}

/// A field of a request that is missing or malformed.
pub fn invalid(field: &str, problem: &str) -> Status {
    let mut details = ErrorDetails::new();
    details.add_bad_request_violation(field, problem);
    Reason::InvalidRequest.status_with(format!("`{field}` {problem}"), details)
}

/// A sweep that breaks rules: one violation for each, by its path in the sweep file.
pub fn of_issues(issues: &[SpecIssue]) -> Status {
    let mut details = ErrorDetails::new();
    for issue in issues {
        let description = match &issue.help {
            Some(help) => format!("{} ({help})", issue.message),
            None => issue.message.clone(),
        };
        details.add_bad_request_violation(&issue.path, description);
    }
    let lines: Vec<String> = issues.iter().map(ToString::to_string).collect();
    Reason::InvalidSpec
        .status_with(format!("the sweep breaks {} rules:\n{}", issues.len(), lines.join("\n")), details)
}

/// The end of a stream that its caller may open again at once, here or at another coordinator.
pub fn shutting_down() -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info("SHUTTING_DOWN", ERROR_DOMAIN, HashMap::new());
    Status::with_error_details(Code::Unavailable, "the coordinator is shutting down; connect again", details)
}

/// The end of a stream that has lasted long enough: its caller shows its token again.
pub fn ask_again() -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info("STREAM_TOO_OLD", ERROR_DOMAIN, HashMap::new());
    Status::with_error_details(
        Code::Unavailable,
        "the stream has reached its greatest age; open it again",
        details,
    )
}

fn internal(error: &StoreError) -> Status {
    let id = uuid::Uuid::new_v4().simple().to_string();
    tracing::error!(error_id = id, "{error}");
    Reason::Internal.status(format!("a fault of the coordinator; its log has more under error_id {id}"))
}

#[cfg(test)]
mod tests {
    use domain::units::{Attempt, RequestId, TrialId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn every_store_error_carries_its_reason_and_no_sql() {
        let lost = StoreError::LeaseLost { trial_id: TrialId(Uuid::nil()), attempt: Attempt::FIRST };
        let missing = StoreError::RecordsMissing { acked_seq: 7 };
        let cases = [
            (StoreError::Unavailable(sqlx::Error::PoolTimedOut), Reason::DatabaseUnavailable),
            (StoreError::Database(sqlx::Error::RowNotFound), Reason::Internal),
            (StoreError::corrupt("x", "y"), Reason::Internal),
            (StoreError::Invalid { field: "f", problem: "is missing".to_owned() }, Reason::InvalidRequest),
            (StoreError::NotFound { kind: "sweep", name: "x".to_owned(), near: None }, Reason::NotFound),
            (
                StoreError::Ambiguous { kind: "sweep", name: "x".to_owned(), candidates: vec![] },
                Reason::Ambiguous,
            ),
            (StoreError::RequestIdReused(RequestId(Uuid::nil())), Reason::RequestIdReused),
            (lost, Reason::LeaseLost),
            (StoreError::NotHolder("it".to_owned()), Reason::NotHolder),
            (missing, Reason::RecordsMissing),
            (StoreError::WorkerSuperseded("w".to_owned()), Reason::WorkerSuperseded),
            (StoreError::UploadMissing("net.pt".to_owned()), Reason::UploadMissing),
            (StoreError::WrongState("no".to_owned()), Reason::WrongState),
            (StoreError::TooManyRows { limit: 32 }, Reason::LimitExceeded),
        ];
        for (error, reason) in cases {
            let status = of_store(error);
            assert_eq!(Reason::of(&status), Some(reason), "{status}");
            assert!(!status.message().contains("no rows returned"), "{status}");
        }
    }

    #[test]
    fn each_broken_rule_is_a_violation_at_its_field() {
        let issue = |path: &str, help: Option<&str>| SpecIssue {
            path: path.to_owned(),
            message: "is wrong".to_owned(),
            help: help.map(str::to_owned),
        };
        let status = of_issues(&[issue("grid.batch_size[1]", Some("mend it")), issue("name", None)]);
        let violations = status.get_details_bad_request().unwrap().field_violations;
        let found: Vec<_> = violations.iter().map(|v| (v.field.as_str(), v.description.as_str())).collect();
        assert_eq!(found, [("grid.batch_size[1]", "is wrong (mend it)"), ("name", "is wrong")]);
    }

    #[test]
    fn a_shutdown_is_unavailable_and_no_other_reason() {
        let status = shutting_down();
        assert_eq!((status.code(), Reason::of(&status)), (Code::Unavailable, None));
    }
}
