//! A coordinator's tables, as `report` draws them. One message holds some thousands of rows, so they come page by page.

use proto::v1::{ListRowsRequest, View};
use report::Table;
use tonic::Status;

use crate::coordinator::Client;

/// Rows of a page, at most half of what a message may hold; 0 for views that come in one piece.
fn page_rows(view: View) -> u32 {
    match view {
        // Narrow rows, and up to millions of them in one trial.
        View::Metric => 50_000,
        View::Result | View::Trial | View::Split | View::Attempt => 5_000,
        _ => 0,
    }
}

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

/// All rows asked for, in memory.
///
/// # Errors
/// What the coordinator answers.
pub async fn ask(client: &mut Client, request: ListRowsRequest) -> Result<Table, Status> {
    let mut pages = Pages::new(request);
    let mut all = Table::default();
    while let Some(page) = pages.next(client).await? {
        all.columns = page.columns;
        all.rows.extend(page.rows);
    }
    Ok(all)
}

/// The pages of one request, so that a sweep need not fit in memory.
#[derive(Debug)]
pub struct Pages {
    request: Option<ListRowsRequest>,
}

impl Pages {
    /// All rows that this asks for.
    #[must_use]
    pub fn new(request: ListRowsRequest) -> Self {
        let page_size = page_rows(request.view());
        Self { request: Some(ListRowsRequest { page_size, ..request }) }
    }

    /// The next page; `None` after the last. The first is there also when it has no rows: it has the columns.
    ///
    /// # Errors
    /// What the coordinator answers.
    pub async fn next(&mut self, client: &mut Client) -> Result<Option<Table>, Status> {
        let Some(mut request) = self.request.take() else { return Ok(None) };
        let answer = client.list_rows(request.clone()).await?.into_inner();
        let page = proto::table::from_wire(answer.table.unwrap_or_default());
        if !answer.next_page_token.is_empty() {
            // By id from now on: `@last`, or the newest of a name, may be another sweep by the next page.
            if let Some(sweep_id) = page.text(0, "sweep_id") {
                sweep_id.clone_into(&mut request.sweep);
            }
            self.request = Some(ListRowsRequest { page_token: answer.next_page_token, ..request });
        }
        Ok(Some(page))
    }
}
