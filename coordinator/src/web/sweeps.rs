//! All sweeps, newest first.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::Html;
use domain::units::SweepId;
use maud::html;
use report::human;
use serde::Deserialize;
use serde_json::Value;

use super::layout::{Live, Place, page as whole};
use super::piece::{self, Known, Piece};
use super::refusal::Refusal;
use super::{Web, words};
use crate::store::sweep;

/// Sweeps on one page.
const PAGE: usize = 50;

/// Which sweeps.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    before: Option<String>,
}

impl Asked {
    /// What is no id asks for the newest.
    fn before(&self) -> Option<SweepId> {
        self.before.as_deref().and_then(|text| text.parse().ok())
    }
}

async fn made(web: &Web, asked: &Asked) -> Result<(Vec<Piece>, Option<SweepId>), Refusal> {
    let mut transaction = web.context.store.begin_reading().await?;
    let mut rows = sweep::list(&mut transaction, asked.before(), PAGE as i64 + 1).await?;
    let has_more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let next = rows.last().map(|row| row.sweep_id).filter(|_| has_more);
    let pieces = rows.iter().map(|row| {
        let (all, ended) = words::trials(row);
        let markup = html! {
            th scope="row" { a href={ "/sweeps/" (row.sweep_id) } { (words::name(row)) } }
            td { (words::badge(row.state.word())) }
            td.progress-cell { (words::bar(row)) }
            td.number { (human::whole(ended)) " of " (human::whole(all)) }
            td.words { (words::by_status(row)) }
            td.words { (words::moment(row.created_at)) }
        };
        Piece::new("sweep-rows", row.sweep_id.to_string(), &markup)
    });
    let mut pieces: Vec<Piece> = pieces.collect();
    if pieces.is_empty() {
        let hint = html! {
            div.panel.empty { p { "No sweep yet." } p { code { "batchsweep submit SPEC" } " sends one here." } }
        };
        pieces.push(Piece::new("hint", "no-sweep", &hint));
    }
    Ok((pieces, next))
}

pub async fn page(State(web): State<Web>, Query(asked): Query<Asked>) -> Result<Html<String>, Refusal> {
    let (pieces, next) = made(&web, &asked).await?;
    let query = asked.before().map(|before| format!("?before={before}")).unwrap_or_default();
    let live = Live { pieces: format!("/pieces{query}"), events: None };
    let place = Place {
        nav: "/",
        is_signed_in: web.authenticator.is_some(),
        live: Some(live),
        ..Place::nowhere("Sweeps")
    };
    let body = html! {
        h1 { "Sweeps" }
        (piece::place(&pieces, "hint"))
        // Out of sight while it is empty: the first sweep comes here.
        div.panel.scroll.sweeps tabindex="0" role="region" aria-label="Sweeps" {
            table {
                thead { tr { @for title in ["sweep", "state", "progress", "ended", "trials", "submitted"] { th scope="col" { (title) } } } }
                tbody data-place="sweep-rows" { (piece::all(&pieces, "sweep-rows")) }
            }
        }
        @if let Some(next) = next { p { a rel="next" href={ "/?before=" (next) } { "Older sweeps" } } }
    };
    Ok(whole(&place, &body))
}

/// What has changed.
pub async fn pieces(
    State(web): State<Web>,
    Query(asked): Query<Asked>,
    Query(known): Query<Known>,
) -> Result<Json<Value>, Refusal> {
    let (pieces, _) = made(&web, &asked).await?;
    Ok(piece::changes(&pieces, &["hint", "sweep-rows"], &known))
}
