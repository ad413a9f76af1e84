//! One sweep: how far it is, what it has found, its trials.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Html;
use maud::{Markup, html};
use report::{human, results};
use serde::Deserialize;
use serde_json::Value;

use super::findings::Found;
use super::layout::{Live, Place, page as whole};
use super::piece::{self, Known, Piece};
use super::refusal::Refusal;
use super::{Web, sheet, words};
use crate::store::resolve;
use crate::store::sweep::{self, RunningRow, SweepRow};

/// Trials on one page of the table.
const PAGE: usize = 100;

const PLACES: [&str; 5] = ["status", "conclusion", "figures", "trial-head", "trial-rows"];

/// Which page of the trials, from 1.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    page: Option<usize>,
}

impl Asked {
    fn page(&self) -> usize {
        self.page.unwrap_or(1).max(1)
    }
}

struct Made {
    row: SweepRow,
    pieces: Vec<Piece>,
    series: usize,
    trials: usize,
}

async fn made(web: &Web, sweep: &str, asked: &Asked) -> Result<Made, Refusal> {
    let (row, running) = {
        let mut transaction = web.context.store.begin_reading().await?;
        let sweep_id = resolve::sweep(&mut transaction, sweep).await?;
        let row = sweep::get(&mut transaction, sweep_id).await?;
        (row, sweep::running(&mut transaction, sweep_id).await?)
    };
    let found = web.findings.of(&web.context, &row).await?;
    let mut pieces = vec![
        Piece::new("status", "state", state(&row)),
        Piece::new("status", "steer", steer(&row)),
        Piece::new("status", "running", running_trials(&running)),
        Piece::new("conclusion", "conclusion", found.conclusion.clone()),
    ];
    for (index, section) in found.sections.iter().enumerate() {
        if found.sections.len() > 1 {
            pieces.push(Piece::new("figures", format!("section-{index}"), html! { h2 { (section.label) } }));
        }
        let figures = section.figures.iter();
        pieces.extend(figures.map(|figure| Piece::new("figures", &*figure.id, figure.markup.clone())));
        if let Some(absent) = &section.absent {
            pieces.push(Piece::new("figures", format!("absent-{index}"), absent.clone()));
        }
    }
    pieces.extend(trials(&found, asked));
    Ok(Made { pieces, series: found.series, trials: found.results.rows.len(), row })
}

fn state(row: &SweepRow) -> Markup {
    let (all, ended) = words::trials(row);
    html! {
        p.facts {
            (words::badge(&row.state))
            span { (human::whole(ended)) " of " (human::count(all, "trial")) " ended: " (words::by_status(row)) }
            span { "submitted " (words::moment(row.created_at)) }
            @if let Some(at) = row.finished_at { span { "finished " (words::moment(at)) } }
            code { (row.sweep_id) }
        }
        (words::bar(row))
    }
}

fn steer(row: &SweepRow) -> Markup {
    let can_retry = row.failed + row.cancelled > 0;
    let verbs: &[(&str, &str)] = match row.state.as_str() {
        "active" => &[("pause", "Pause"), ("cancel", "Cancel")],
        "paused" => &[("resume", "Resume"), ("cancel", "Cancel")],
        "finished" if can_retry => &[("retry", "Retry what failed or was cancelled")],
        _ => &[],
    };
    html! {
        div.steer {
            @for (verb, word) in verbs {
                form method="post" action={ "/sweeps/" (row.sweep_id) "/" (verb) } { button name="verb" value=(verb) { (word) } }
            }
        }
    }
}

fn running_trials(running: &[RunningRow]) -> Markup {
    html! {
        @if !running.is_empty() {
            ul.running {
                @for trial in running {
                    li {
                        a href={ "/trials/" (trial.trial_id) } { "Trial " (trial.trial_index) }
                        span { "batch size " (trial.batch_size) ", learning rate " (human::exact(trial.learning_rate)) }
                        span { (trial.phase) " on " (trial.worker) }
                        @if trial.total_steps > 0 {
                            progress max=(trial.total_steps) value=(trial.step) aria-label="steps" {}
                            span { "step " (trial.step) " of " (trial.total_steps) }
                        }
                    }
                }
            }
        }
    }
}

fn trials(found: &Found, asked: &Asked) -> Vec<Piece> {
    let table = results::sheet(&found.results);
    let head = html! { th scope="col" class="number" { "trial" } (sheet::head(&table)) };
    let rows = table.rows.iter().enumerate().skip((asked.page() - 1) * PAGE).take(PAGE);
    let rows = rows.map(|(index, row)| {
        let text = |name| found.results.text(index, name).unwrap_or_default();
        let markup = html! {
            th scope="row" class="number" { a href={ "/trials/" (text("trial_id")) } { (text("trial_index")) } }
            (sheet::cells(&table, row, false))
        };
        Piece::new("trial-rows", format!("trial-{}", text("trial_index")), markup)
    });
    std::iter::once(Piece::new("trial-head", "trial-head", head)).chain(rows).collect()
}

/// The page.
pub async fn page(
    State(web): State<Web>,
    Path(sweep): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Refusal> {
    let Made { row, pieces, series, trials } = made(&web, &sweep, &asked).await?;
    let path = format!("/sweeps/{}", row.sweep_id);
    let events = (!row.is_finished()).then(|| format!("{path}/events"));
    let live =
        events.is_some().then(|| Live { pieces: format!("{path}/pieces?page={}", asked.page()), events });
    let name = words::name(&row);
    let signed_in = web.authenticator.is_some();
    let place =
        Place { nav: "/", series: Some(series), is_signed_in: signed_in, live, ..Place::nowhere(&name) };
    let body = html! {
        nav.path aria-label="Place" { a href="/" { "Sweeps" } }
        h1 { (name) }
        div aria-live="polite" { (piece::place(&pieces, "status")) }
        (piece::place(&pieces, "conclusion"))
        (piece::place(&pieces, "figures"))
        h2 #trials { "Trials" }
        div.panel.scroll tabindex="0" role="region" aria-labelledby="trials" {
            table {
                thead data-place="trial-head" { (piece::all(&pieces, "trial-head")) }
                tbody data-place="trial-rows" { (piece::all(&pieces, "trial-rows")) }
            }
        }
        @if trials > PAGE {
            nav.pages aria-label="Pages of trials" {
                @for number in 1..=trials.div_ceil(PAGE) {
                    a href={ "?page=" (number) "#trials" } aria-current=[(number == asked.page()).then_some("page")] { (number) }
                }
            }
        }
        @if !row.source.trim().is_empty() {
            details.source { summary { "The sweep file" } pre tabindex="0" { code { (row.source) } } }
        }
    };
    Ok(whole(&place, &body))
}

/// What has changed.
pub async fn pieces(
    State(web): State<Web>,
    Path(sweep): Path<String>,
    Query(asked): Query<Asked>,
    Query(known): Query<Known>,
) -> Result<Json<Value>, Refusal> {
    Ok(piece::changes(&made(&web, &sweep, &asked).await?.pieces, &PLACES, &known))
}
