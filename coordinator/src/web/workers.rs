//! Who is there, on what device.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::Html;
use domain::table::View;
use maud::html;
use serde_json::Value;

use super::layout::{Live, Place, page as whole};
use super::piece::{self, Known, Piece};
use super::refusal::Refusal;
use super::{Web, sheet};
use crate::store::rows::{self, Wanted};

async fn made(web: &Web) -> Result<Vec<Piece>, Refusal> {
    let mut transaction = web.context.store.begin_reading().await?;
    let page = rows::list(&mut transaction, View::Worker, &Wanted::default()).await?;
    let table = page.table;
    let markup = if table.rows.is_empty() {
        html! { div.panel.empty { p { "No worker has come yet." } p { code { "batchsweep-worker --coordinator URL" } " is one." } } }
    } else {
        html! { div.panel { (sheet::table(&report::rows::readable(&table, &["worker_id", "draining"]), "Workers")) } }
    };
    Ok(vec![Piece::new("workers", "workers", &markup)])
}

pub async fn page(State(web): State<Web>) -> Result<Html<String>, Refusal> {
    let live = Live { pieces: "/workers/pieces".to_owned(), events: None };
    let signed_in = web.authenticator.is_some();
    let place =
        Place { nav: "/workers", is_signed_in: signed_in, live: Some(live), ..Place::nowhere("Workers") };
    let pieces = made(&web).await?;
    Ok(whole(&place, &html! { h1 { "Workers" } (piece::place(&pieces, "workers")) }))
}

/// What has changed.
pub async fn pieces(State(web): State<Web>, Query(known): Query<Known>) -> Result<Json<Value>, Refusal> {
    Ok(piece::changes(&made(&web).await?, &["workers"], &known))
}
