//! What tells a page that something has changed. One look at the database a quarter of a second serves all who watch a
//! sweep; what they get is a word, and the page then asks for the pieces it lacks.

use std::convert::Infallible;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use serde_json::json;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;

use super::refusal::Refusal;
use super::{Web, words};
use crate::access::status::of_store;
use crate::store::resolve;

/// The events of a sweep: `changed` for each look that differs, with how many trials have ended of how many; `end` after the
/// last.
pub async fn events(
    State(web): State<Web>,
    Path(sweep): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refusal> {
    let Ok(place) = web.watchers.clone().try_acquire_owned() else {
        return Err(Refusal {
            status: StatusCode::SERVICE_UNAVAILABLE,
            title: "Too many watchers",
            message: "Too many pages are kept up to date; reload this one by hand.".to_owned(),
        });
    };
    let sweep_id = {
        let mut transaction = web.context.store.begin_reading().await?;
        resolve::sweep(&mut transaction, &sweep).await?
    };
    let mut snapshots =
        web.context.watches.watch(sweep_id).await.map_err(|error| Refusal::of(&of_store(error)))?;
    let drain = web.context.drain.clone();
    // So a token that was revoked meanwhile does not watch on for ever; a browser connects again by itself.
    let too_old = tokio::time::Instant::now() + web.context.watch_age;
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        let _place = place;
        snapshots.mark_changed();
        loop {
            tokio::select! {
                () = sender.closed() => return,
                () = drain.cancelled() => return,
                () = tokio::time::sleep_until(too_old) => return,
                changed = snapshots.changed() => if changed.is_err() { return },
            }
            let ((all, ended), is_finished) = {
                let snapshot = snapshots.borrow_and_update();
                (words::trials(&snapshot.sweep), snapshot.sweep.is_finished())
            };
            let data = json!({ "ended": ended, "trials": all }).to_string();
            let name = if is_finished { "end" } else { "changed" };
            if sender.send(Ok(Event::default().event(name).data(data))).await.is_err() || is_finished {
                return;
            }
        }
    });
    Ok(Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::default()))
}
