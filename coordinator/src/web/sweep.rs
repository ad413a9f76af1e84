//! One sweep: how far it is, what it has found, its trials.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Json};
use domain::access::Scope;
use domain::lifecycle::SweepState;
use maud::{Markup, html};
use report::human;
use serde::Deserialize;
use serde_json::Value;

use super::analysis::Analyzed;
use super::layout::{Live, Place, page as whole};
use super::piece::{self, Known, Piece};
use super::refusal::Refusal;
use super::{Web, sheet, words};
use crate::access::Caller;
use crate::store::resolve;
use crate::store::sweep::{self, RunningTrial, SweepRow};

/// Trials on one page of the table.
const PAGE: usize = 100;

const PLACES: [&str; 5] = ["status", "summary", "figures", "trial-head", "trial-rows"];

/// Which trials.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    /// Which page of them, from 1.
    page: Option<usize>,
    /// Those with these numbers, with commas between them; all where there is none.
    trials: Option<String>,
}

impl Asked {
    fn page(&self) -> usize {
        self.page.unwrap_or(1).max(1)
    }

    /// The numbers; `None` for all.
    fn chosen(&self) -> Option<BTreeSet<u64>> {
        let numbers = self.trials.iter().flat_map(|text| text.split(','));
        let numbers: BTreeSet<u64> = numbers.filter_map(|text| text.parse().ok()).collect();
        (!numbers.is_empty()).then_some(numbers)
    }

    /// The same as the end of an address.
    fn query(&self, page: usize) -> String {
        let chosen = self.chosen().map(|numbers| {
            let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
            format!("trials={}&", numbers.join(","))
        });
        format!("?{}page={page}", chosen.unwrap_or_default())
    }
}

struct Made {
    row: SweepRow,
    pieces: Vec<Piece>,
    analyzed: Arc<Analyzed>,
    /// The rows of the trials that were asked for.
    chosen: Vec<usize>,
}

async fn made(web: &Web, caller: &Caller, sweep: &str, asked: &Asked) -> Result<Made, Refusal> {
    let (row, running) = {
        let mut transaction = web.context.store.begin_reading().await?;
        let sweep_id = resolve::sweep(&mut transaction, sweep).await?;
        let row = sweep::get(&mut transaction, sweep_id).await?;
        (row, sweep::running(&mut transaction, sweep_id).await?)
    };
    let analyzed = web.analyses.of(&web.context, &row, None).await?;
    let mut pieces = vec![
        Piece::new("status", "state", &state(&row)),
        Piece::new("status", "steer", &steer(&row, caller)),
        Piece::new("status", "running", &running_trials(&running)),
    ];
    pieces.extend_from_slice(&analyzed.pieces);
    let numbers = asked.chosen();
    let is_chosen = |row: &usize| {
        let number = analyzed.results.whole(*row, "trial_index");
        numbers.as_ref().is_none_or(|numbers| number.is_some_and(|number| numbers.contains(&number)))
    };
    let chosen: Vec<usize> = (0..analyzed.results.rows.len()).filter(is_chosen).collect();
    let here = chosen.iter().skip((asked.page() - 1) * PAGE).take(PAGE);
    pieces.extend(trials(&analyzed, here.copied()));
    Ok(Made { row, pieces, chosen, analyzed })
}

fn state(row: &SweepRow) -> Markup {
    let (all, ended) = words::trials(row);
    html! {
        p.facts {
            (words::badge(row.state.word()))
            span { (human::whole(ended)) " of " (human::count(all, "trial")) " ended: " (words::by_status(row)) }
            span { "submitted " (words::moment(row.created_at)) }
            @if let Some(at) = row.finished_at { span { "finished " (words::moment(at)) } }
            code { (row.sweep_id) }
        }
        @if let Some(reason) = &row.pause_reason { p.paused role="status" { "Paused: " (reason) } }
        (words::bar(row))
    }
}

/// What may be done now, for those who may. Cancelling cannot be taken back, and asks twice.
fn steer(row: &SweepRow, caller: &Caller) -> Markup {
    let may = match caller {
        Caller::Anybody => true,
        Caller::Principal(principal) => principal.may(Scope::Submit),
    };
    let form = |verb: &str, word: &str| {
        html! { form method="post" action={ "/sweeps/" (row.sweep_id) "/" (verb) } { button { (word) } } }
    };
    let can_retry = row.counts.failed + row.counts.cancelled > 0;
    html! {
        @if may {
            div.steer {
                @match row.state {
                    SweepState::Active => (form("pause", "Pause")),
                    SweepState::Paused => {
                        (form("resume", "Resume"))
                        @if can_retry { (form("retry", "Retry what failed")) }
                    }
                    SweepState::Finished if can_retry => (form("retry", "Retry what failed or was cancelled")),
                    _ => {}
                }
                @if matches!(row.state, SweepState::Active | SweepState::Paused) {
                    details.confirm {
                        summary { "Cancel …" }
                        p { "Running trials stop now, and no other starts. What has been found stays." }
                        (form("cancel", "Cancel the sweep"))
                    }
                }
            }
        }
    }
}

fn running_trials(running: &[RunningTrial]) -> Markup {
    html! {
        @if !running.is_empty() {
            ul.running {
                @for trial in running {
                    li {
                        a href={ "/trials/" (trial.trial_id) } { "Trial " (trial.trial_index) }
                        span { "batch size " (trial.batch_size) ", learning rate " (human::exact(trial.learning_rate)) }
                        span { (trial.progress.phase.word()) " on " (trial.worker) }
                        @let (step, steps) = (trial.progress.step, trial.progress.total_steps);
                        @if steps > 0 {
                            progress max=(steps) value=(step) aria-label="steps" {}
                            span { "step " (human::whole(step)) " of " (human::whole(steps)) }
                        }
                    }
                }
            }
        }
    }
}

fn trials(analyzed: &Analyzed, rows: impl Iterator<Item = usize>) -> Vec<Piece> {
    let head = html! { th scope="col" class="number" { "trial" } (sheet::head(&analyzed.sheet)) };
    let rows = rows.filter_map(|index| {
        let text = |name| analyzed.results.text(index, name).unwrap_or_default();
        let markup = html! {
            th scope="row" class="number" { a href={ "/trials/" (text("trial_id")) } { (text("trial_index")) } }
            (sheet::cells(&analyzed.sheet, analyzed.sheet.rows.get(index)?, false))
        };
        Some(Piece::new("trial-rows", format!("trial-{}", text("trial_index")), &markup))
    });
    std::iter::once(Piece::new("trial-head", "trial-head", &head)).chain(rows).collect()
}

/// Which trials these are, where they are not all.
fn chosen_words(analyzed: &Analyzed, chosen: &[usize]) -> String {
    let same = |name: &str| {
        let first = analyzed.results.text(*chosen.first()?, name)?;
        chosen.iter().all(|&row| analyzed.results.text(row, name) == Some(first)).then_some(first)
    };
    match (same("batch_size"), same("learning_rate").and_then(|rate| rate.parse().ok())) {
        (Some(size), Some(rate)) => format!("Batch size {size}, learning rate {}.", human::exact(rate)),
        _ => format!("{} of them.", human::whole(chosen.len() as u64)),
    }
}

/// The numbers of the first and the last page and of those near this one; `None` where some are left out.
fn pages_near(page: usize, last: usize) -> Vec<Option<usize>> {
    const NEAR: usize = 4;
    let is_shown =
        |&number: &usize| last <= 3 * NEAR || number == 1 || number == last || number.abs_diff(page) <= NEAR;
    let shown = (1..=last).filter(is_shown);
    let mut before = 0;
    let mut numbers = Vec::new();
    for number in shown {
        if number > before + 1 {
            numbers.push(None);
        }
        numbers.push(Some(number));
        before = number;
    }
    numbers
}

pub async fn page(
    State(web): State<Web>,
    Path(sweep): Path<String>,
    Query(asked): Query<Asked>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Refusal> {
    let Made { row, pieces, analyzed, chosen } = made(&web, &caller, &sweep, &asked).await?;
    let is_choice = asked.chosen().is_some();
    if let [only] = chosen.as_slice()
        && is_choice
    {
        let trial = analyzed.results.text(*only, "trial_id").unwrap_or_default();
        return Ok(Redirect::to(&format!("/trials/{trial}")).into_response());
    }
    let path = format!("/sweeps/{}", row.sweep_id);
    let events = (!row.is_finished()).then(|| format!("{path}/events"));
    let query = asked.query(asked.page());
    let live = events.is_some().then(|| Live { pieces: format!("{path}/pieces{query}"), events });
    let name = words::name(&row);
    let signed_in = web.authenticator.is_some();
    let series = Some(analyzed.series);
    let place = Place { nav: "/", series, is_signed_in: signed_in, live, ..Place::nowhere(&name) };
    let body = html! {
        nav.path aria-label="Place" { a href="/" { "Sweeps" } }
        h1 { (name) }
        (piece::place(&pieces, "status"))
        (piece::place(&pieces, "summary"))
        (piece::place(&pieces, "figures"))
        h2 #trials { "Trials" }
        @if is_choice {
            p.facts {
                span { (chosen_words(&analyzed, &chosen)) }
                a href={ (path) "#trials" } { "All " (human::count(analyzed.results.rows.len() as u64, "trial")) }
            }
        }
        div.panel.scroll tabindex="0" role="region" aria-labelledby="trials" {
            table {
                thead data-place="trial-head" { (piece::all(&pieces, "trial-head")) }
                tbody data-place="trial-rows" { (piece::all(&pieces, "trial-rows")) }
            }
        }
        @if chosen.len() > PAGE {
            nav.pages aria-label="Pages of trials" {
                @for number in pages_near(asked.page(), chosen.len().div_ceil(PAGE)) {
                    @match number {
                        Some(number) => a href={ (asked.query(number)) "#trials" } aria-current=[(number == asked.page()).then_some("page")] { (human::whole(number as u64)) },
                        None => span { "…" },
                    }
                }
            }
        }
        @if !row.source.trim().is_empty() {
            details.source { summary { "The sweep file" } pre tabindex="0" { code { (row.source) } } }
        }
    };
    Ok(whole(&place, &body).into_response())
}

/// What has changed.
pub async fn pieces(
    State(web): State<Web>,
    Path(sweep): Path<String>,
    Query(asked): Query<Asked>,
    Query(known): Query<Known>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Value>, Refusal> {
    Ok(piece::changes(&made(&web, &caller, &sweep, &asked).await?.pieces, &PLACES, &known))
}

#[cfg(test)]
mod tests {
    use super::pages_near;

    #[test]
    fn of_many_pages_the_ends_and_the_near_ones_are_shown() {
        let shown = |page, last| {
            let numbers = pages_near(page, last).into_iter();
            numbers
                .map(|number| number.map_or("…".to_owned(), |number| number.to_string()))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(shown(1, 3), "1 2 3");
        assert_eq!(shown(1, 990), "1 2 3 4 5 … 990");
        assert_eq!(shown(1, 10), "1 2 3 4 5 6 7 8 9 10");
        assert_eq!(shown(500, 990), "1 … 496 497 498 499 500 501 502 503 504 … 990");
        assert_eq!(shown(990, 990), "1 … 986 987 988 989 990");
        assert_eq!(shown(4_000, 30), "1 … 30", "a page that there is not");
    }
}
