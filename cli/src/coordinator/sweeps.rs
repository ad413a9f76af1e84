//! A coordinator's sweeps, newest first, over as many pages as they take.

use proto::v1::{ListSweepsRequest, Sweep};
use tonic::Status;

use crate::coordinator::Client;

/// Sweeps of a page: as many as a coordinator gives at once.
const PAGE: u32 = 1_000;

/// The newest sweeps, at most so many.
///
/// # Errors
/// What the coordinator answers.
pub async fn newest(client: &mut Client, limit: usize) -> Result<Vec<Sweep>, Status> {
    let mut sweeps: Vec<Sweep> = Vec::new();
    let mut page_token = String::new();
    while sweeps.len() < limit {
        let page_size = u32::try_from(limit - sweeps.len()).unwrap_or(PAGE).min(PAGE);
        let page = client.list_sweeps(ListSweepsRequest { page_size, page_token }).await?.into_inner();
        sweeps.extend(page.sweeps);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    Ok(sweeps)
}

/// All of them.
///
/// # Errors
/// What the coordinator answers.
pub async fn all(client: &mut Client) -> Result<Vec<Sweep>, Status> {
    newest(client, usize::MAX).await
}
