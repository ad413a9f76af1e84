//! The rows of a view, page by page.

use proto::v1::{ListRowsRequest, View};
use report::Table;

use crate::coordinator::session::Session;
use crate::failure::Failure;

/// Rows of a page: at most half of what a message may hold.
fn page_rows(view: View) -> u32 {
    match view {
        // Narrow rows, and up to millions of them in one trial.
        View::Metric => 50_000,
        _ => 5_000,
    }
}

/// The pages of one request.
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
    pub async fn next(&mut self, session: &mut Session) -> Result<Option<Table>, Failure> {
        let Some(request) = self.request.take() else { return Ok(None) };
        let answer = session.client.list_rows(request.clone()).await;
        let answer = answer.map_err(|status| session.refused(&status))?.into_inner();
        let page_token = answer.next_page_token;
        self.request = (!page_token.is_empty()).then_some(ListRowsRequest { page_token, ..request });
        Ok(Some(proto::table::from_wire(answer.table.unwrap_or_default())))
    }
}
