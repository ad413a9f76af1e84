//! What a coordinator's errors mean for the user: by their stable reason, never by their text.

use proto::Reason;
use proto::connection::diagnosis::innermost;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::coordinator::address::Address;
use crate::failure::{Exit, Failure};

/// The failure of a command whose call was refused.
#[must_use]
pub fn failure(status: &Status, address: &Address) -> Failure {
    let exit = match (Reason::of(status), status.code()) {
        (Some(Reason::NotFound), _) => Exit::NotFound,
        (Some(Reason::InvalidSpec | Reason::InvalidRequest | Reason::Ambiguous), _) => Exit::Usage,
        (Some(Reason::DatabaseUnavailable), _) => Exit::Unreachable,
        (Some(reason), _) if is_not_allowed(reason) => Exit::NotAllowed,
        (Some(_), _) => Exit::Failed,
        (None, Code::Unauthenticated | Code::PermissionDenied) => Exit::NotAllowed,
        (None, Code::Unavailable | Code::DeadlineExceeded) => {
            return address.unreachable(&innermost(status));
        }
        (None, _) => {
            let why = format!("the answer is not a coordinator's: {}", status.message());
            return address.unreachable(&why);
        }
    };
    let (message, hint) = split_hint(status.message());
    let failure = Failure { exit, message: with_fields(status, message), hint };
    match (exit, failure.hint.is_some()) {
        (Exit::NotAllowed, false) => failure.hint(token_hint(Reason::of(status))),
        (Exit::NotFound, false) => {
            let is_worker = failure.message.starts_with("no worker ");
            failure.hint(if is_worker {
                "see who is there with: batchsweep workers"
            } else {
                "list sweeps with: batchsweep ls"
            })
        }
        _ => failure,
    }
}

fn is_not_allowed(reason: Reason) -> bool {
    use Reason::{MissingScope, NotHolder, TokenExpired, TokenInvalid, TokenMissing, TokenRevoked};
    matches!(reason, MissingScope | NotHolder | TokenExpired | TokenInvalid | TokenMissing | TokenRevoked)
}

fn token_hint(reason: Option<Reason>) -> &'static str {
    match reason {
        Some(Reason::TokenMissing) => {
            "give the file of your token with --token-file or BATCHSWEEP_TOKEN_FILE"
        }
        Some(Reason::TokenInvalid | Reason::TokenExpired | Reason::TokenRevoked) => {
            "ask whoever runs the coordinator for a new one: batchsweep-coordinator token create NAME --scope SCOPE"
        }
        _ => "give the file of a token that may do this with --token-file",
    }
}

/// Whether asking again soon may help: the coordinator is being started again, or has lost its database for a moment.
#[must_use]
pub fn is_passing(status: &Status) -> bool {
    match Reason::of(status) {
        Some(reason) => reason == Reason::DatabaseUnavailable,
        None => matches!(
            status.code(),
            Code::Unavailable | Code::Unknown | Code::Cancelled | Code::DeadlineExceeded
        ),
    }
}

/// A coordinator may put what to do on a line of its own.
fn split_hint(text: &str) -> (String, Option<String>) {
    match text.split_once("\nhint: ") {
        Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
        None => (text.to_owned(), None),
    }
}

/// The fields of a bad request, where the message does not tell them.
fn with_fields(status: &Status, message: String) -> String {
    let Some(request) = status.get_details_bad_request() else { return message };
    let fields = request
        .field_violations
        .iter()
        .map(|violation| format!("{}: {}", violation.field, violation.description));
    let untold: Vec<String> = fields.filter(|field| !message.contains(field.as_str())).collect();
    if untold.is_empty() { message } else { format!("{message}\n  {}", untold.join("\n  ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordinator::address::Address;

    #[test]
    fn every_reason_has_its_exit_code() {
        let exit = |status: Status| failure(&status, &Address::default_port()).exit;
        for (reason, expected) in [
            (Reason::NotFound, Exit::NotFound),
            (Reason::InvalidSpec, Exit::Usage),
            (Reason::Ambiguous, Exit::Usage),
            (Reason::DatabaseUnavailable, Exit::Unreachable),
            (Reason::QueryFailed, Exit::Failed),
            (Reason::WrongState, Exit::Failed),
            (Reason::RateLimited, Exit::Failed),
            (Reason::TokenMissing, Exit::NotAllowed),
            (Reason::TokenInvalid, Exit::NotAllowed),
            (Reason::TokenExpired, Exit::NotAllowed),
            (Reason::TokenRevoked, Exit::NotAllowed),
            (Reason::MissingScope, Exit::NotAllowed),
            (Reason::NotHolder, Exit::NotAllowed),
        ] {
            assert_eq!(exit(reason.status("because")), expected, "{reason:?}");
        }
        assert_eq!(exit(Status::permission_denied("no")), Exit::NotAllowed);
        assert_eq!(exit(Status::unavailable("gone")), Exit::Unreachable);
    }
}
