//! A coordinator's tables, as `report` draws them.

use proto::v1::{ListRowsRequest, View};
use report::Table;
use tonic::Status;

use crate::coordinator::Client;

/// The rows of a view for one sweep; `trial` names one by id, unique prefix or index, or is empty for all.
///
/// # Errors
/// What the coordinator answers.
pub async fn list(client: &mut Client, view: View, sweep: &str, trial: &str) -> Result<Table, Status> {
    ask(client, ListRowsRequest { trial: trial.to_owned(), ..of_sweep(view, sweep) }).await
}

/// All rows of a view for one sweep, to be narrowed.
#[must_use]
pub fn of_sweep(view: View, sweep: &str) -> ListRowsRequest {
    ListRowsRequest { view: view.into(), sweep: sweep.to_owned(), ..ListRowsRequest::default() }
}

/// The rows asked for.
///
/// # Errors
/// What the coordinator answers.
pub async fn ask(client: &mut Client, request: ListRowsRequest) -> Result<Table, Status> {
    let response = client.list_rows(request).await?.into_inner();
    Ok(proto::table::from_wire(response.table.unwrap_or_default()))
}
