//! One trial: its curves, how its batch was split and why, its memory, who tried it, what it said.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Html;
use maud::html;
use report::{human, results};
use serde_json::Value;

use super::analysis::Analyzed;
use super::layout::{Live, Place, page as whole};
use super::piece::{self, Known, Piece};
use super::refusal::Refusal;
use super::{Web, sheet, words};
use crate::store::resolve;
use crate::store::sweep::{self, SweepRow};

const PLACES: [&str; 3] = ["trial-facts", "figures", "trial"];

/// Figures that say something of a trial alone.
const FIGURES: [&str; 3] = ["curves", "evaluated-curves", "memory"];

struct Made {
    row: SweepRow,
    pieces: Vec<Piece>,
    title: String,
    path: String,
    series: usize,
    is_open: bool,
}

async fn made(web: &Web, trial: &str) -> Result<Made, Refusal> {
    let (row, ids) = {
        let mut transaction = web.context.store.begin_reading().await?;
        let ids = resolve::trial(&mut transaction, None, trial).await?;
        let row = sweep::get(&mut transaction, ids.sweep_id).await?;
        (row, ids)
    };
    let analyzed = web.analyses.of(&web.context, &row, Some(ids.trial_id)).await?;
    let text = |name| analyzed.results.text(0, name).unwrap_or_default().to_owned();
    let mut pieces = vec![Piece::new("trial-facts", "result", &facts(&analyzed))];
    let is_shown = |piece: &&Piece| piece.place == "trial" || FIGURES.contains(&&*piece.id);
    pieces.extend(analyzed.pieces.iter().filter(is_shown).cloned());
    Ok(Made {
        title: format!("Trial {} of {}", text("trial_index"), words::name(&row)),
        path: format!("/trials/{}", ids.trial_id),
        is_open: ["pending", "running"].contains(&text("status").as_str()),
        series: analyzed.series,
        pieces,
        row,
    })
}

fn facts(analyzed: &Analyzed) -> maud::Markup {
    let (table, sheet) = (&analyzed.results, &analyzed.sheet);
    let text = |name: &str| table.text(0, name).unwrap_or_default();
    let axes = results::parameters(table, 0);
    let bytes = |name: &str| table.whole(0, name).map(human::bytes);
    html! {
        p.facts { (words::badge(text("status"))) span { "attempt " (text("attempts")) } code { (text("trial_id")) } }
        @if !text("error").is_empty() { p.problem { (text("error")) } }
        dl.panel.numbers {
            @if let Some(row) = sheet.rows.first() {
                @for (column, cell) in sheet.columns.iter().zip(row).filter(|(column, _)| column.title != "status") {
                    div { dt { (sheet::title(column)) } dd { (cell.text) } }
                }
            }
            // Of one trial no axis differs, and so the sheet has none but the two.
            @for (axis, _) in axes.iter().filter(|(axis, _)| !["batch_size", "learning_rate"].contains(&axis.as_str())) {
                div { dt { (axis.replace('_', " ")) } dd { (results::axis_text(&axes, axis)) } }
            }
            @if let Some(limit) = bytes("memory_budget_bytes") { div { dt { "memory limit" } dd { (limit) } } }
        }
    }
}

pub async fn page(State(web): State<Web>, Path(trial): Path<String>) -> Result<Html<String>, Refusal> {
    let Made { row, pieces, title, path, series, is_open } = made(&web, &trial).await?;
    let events = Some(format!("/sweeps/{}/events", row.sweep_id));
    let live = is_open.then(|| Live { pieces: format!("{path}/pieces"), events });
    let signed_in = web.authenticator.is_some();
    let place =
        Place { nav: "/", series: Some(series), is_signed_in: signed_in, live, ..Place::nowhere(&title) };
    let body = html! {
        nav.path aria-label="Place" { a href="/" { "Sweeps" } a href={ "/sweeps/" (row.sweep_id) } { (words::name(&row)) } }
        h1 { (title) }
        (piece::place(&pieces, "trial-facts"))
        (piece::place(&pieces, "figures"))
        (piece::place(&pieces, "trial"))
    };
    Ok(whole(&place, &body))
}

/// What has changed.
pub async fn pieces(
    State(web): State<Web>,
    Path(trial): Path<String>,
    Query(known): Query<Known>,
) -> Result<Json<Value>, Refusal> {
    Ok(piece::changes(&made(&web, &trial).await?.pieces, &PLACES, &known))
}
