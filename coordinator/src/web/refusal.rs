//! Pages that say why not.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::html;
use tonic::Code;

use super::layout::{Place, page};
use crate::access::status::{of_reader, of_store};
use crate::store::StoreError;
use crate::store::rows::reader::ReaderError;

/// Why there is no such page, or nothing was done.
#[derive(Debug)]
pub struct Refusal {
    /// The status of the answer.
    pub status: StatusCode,
    /// A few words.
    pub title: &'static str,
    /// What to do about it.
    pub message: String,
}

impl Refusal {
    /// The same refusal that an RPC would give.
    pub fn of(status: &tonic::Status) -> Self {
        let (code, title) = match status.code() {
            Code::NotFound => (StatusCode::NOT_FOUND, "No such thing"),
            Code::InvalidArgument => (StatusCode::BAD_REQUEST, "Not understood"),
            Code::FailedPrecondition | Code::Aborted => (StatusCode::CONFLICT, "Not now"),
            Code::PermissionDenied => (StatusCode::FORBIDDEN, "Not allowed"),
            Code::Unauthenticated => (StatusCode::UNAUTHORIZED, "Not signed in"),
            Code::ResourceExhausted => (StatusCode::TOO_MANY_REQUESTS, "Too much at once"),
            Code::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Out of reach"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "Something is wrong"),
        };
        Self { status: code, title, message: status.message().to_owned() }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::of(&of_store(error))
    }
}

impl From<ReaderError> for Refusal {
    fn from(error: ReaderError) -> Self {
        Self::of(&of_reader(&error))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = html! {
            div.notice {
                h1 { (self.title) }
                p { (self.message) }
                p { a href="/" { "All sweeps" } }
            }
        };
        (self.status, page(&Place::nowhere(self.title), &body)).into_response()
    }
}

/// What stands where nothing stands.
pub async fn no_such_page() -> Refusal {
    Refusal {
        status: StatusCode::NOT_FOUND,
        title: "No such page",
        message: "There is no page at this address.".to_owned(),
    }
}
