//! The page itself.

use domain::analysis::SentenceKind;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::figure::{Absent, Figure};
use super::{Report, Section, table};
use crate::human;
use crate::plot::{Size, svg, theme};
use crate::results;
use crate::sql::quoted;
use crate::table::{Column, Table};

const STYLE: &str = include_str!("page.css");

/// What the page may load: nothing. Its own styles stand in it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The whole page.
pub fn page(report: &Report, sections: &[Section]) -> Markup {
    let facts = &report.facts;
    let name = if facts.name.is_empty() { short(&facts.sweep_id) } else { facts.name.as_str() };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="generator" content={ "batchsweep " (facts.version) };
                title { (name) " · batchsweep" }
                // Ours alone: a style sheet's text is not HTML's.
                style { (PreEscaped(theme::page_css(report.series()))) (PreEscaped(STYLE)) }
            }
            body {
                header {
                    p.kind { "Batch size and learning rate sweep" }
                    h1 { (name) }
                    (facts_line(report))
                }
                main {
                    (conclusion(report))
                    @for section in sections { (draw_section(section, sections.len() > 1)) }
                    (left_out(report, sections.len()))
                    (trials(report))
                    (source(report))
                }
                footer {
                    p {
                        "Made by batchsweep " (facts.version) " on " (date(&facts.written_at))
                        ". Nothing on this page comes from elsewhere, and it runs no script."
                    }
                }
            }
        }
    }
}

/// The conclusion in words, before any picture, and what must not be read into the numbers.
pub(super) fn conclusion(report: &Report) -> Markup {
    let sentences = &report.analysis.conclusion.sentences;
    let of = |kind: SentenceKind| sentences.iter().filter(move |sentence| sentence.kind == kind);
    let warnings = &report.analysis.warnings;
    html! {
        div.conclusion {
            @for sentence in of(SentenceKind::Advice) { p.advice { (worded(&sentence.text)) } }
            @if of(SentenceKind::Reason).next().is_some() {
                ul { @for sentence in of(SentenceKind::Reason) { li { (worded(&sentence.text)) } } }
            }
            @if of(SentenceKind::Unknown).next().is_some() {
                h2 { "Not known" }
                ul { @for sentence in of(SentenceKind::Unknown) { li { (worded(&sentence.text)) } } }
            }
            @if !warnings.is_empty() {
                h2 { "Read with care" }
                ul.warnings { @for warning in warnings { li { span.id { (warning.id) } span { (worded(&warning.message)) } } } }
            }
        }
    }
}

/// A sentence whose words between backticks are code.
fn worded(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn facts_line(report: &Report) -> Markup {
    let facts = &report.facts;
    let devices = distinct(&report.results, "device");
    html! {
        p.facts {
            span { (facts.state) }
            span { (counts(&report.results)) }
            span { "submitted " (date(&facts.created_at)) }
            @if !facts.finished_at.is_empty() { span { "finished " (date(&facts.finished_at)) } }
            @if !devices.is_empty() { span { "on " (devices.join(", ")) } }
            span { code { (facts.sweep_id) } }
        }
    }
}

fn counts(results: &Table) -> String {
    let status = |row: usize| results.text(row, "status").unwrap_or_default();
    let of = |word: &str| (0..results.rows.len()).filter(|&row| status(row) == word).count() as u64;
    let words = [
        "succeeded",
        "diverged",
        "infeasible",
        "stopped",
        "skipped",
        "failed",
        "cancelled",
        "running",
        "pending",
        "undecided",
    ];
    let counted: Vec<String> = words
        .iter()
        .filter(|word| of(word) > 0)
        .map(|word| format!("{} {word}", human::whole(of(word))))
        .collect();
    format!("{}: {}", human::count(results.rows.len() as u64, "trial"), counted.join(", "))
}

fn distinct(results: &Table, name: &str) -> Vec<String> {
    let mut found: Vec<String> =
        (0..results.rows.len()).filter_map(|row| results.text(row, name)).map(str::to_owned).collect();
    found.sort();
    found.dedup();
    found
}

fn draw_section(section: &Section, is_one_of_several: bool) -> Markup {
    html! {
        section {
            @if is_one_of_several { h2 { (section.label) } }
            div.figures {
                @for figure in &section.figures { (draw_figure(figure)) }
            }
            @if !section.absent.is_empty() { (absent(&section.absent)) }
        }
    }
}

/// Groups of trials without a section of their own.
fn left_out(report: &Report, drawn: usize) -> Markup {
    let groups = &report.analysis.comparisons;
    html! {
        @if groups.len() > drawn {
            div.absent {
                h3 { "Groups that are not drawn" }
                p.note {
                    "Plots of more than " (drawn) " groups would make a page that nobody reads. The conclusion takes in all of them, and \
                     their trials are in the table below."
                }
                ul { @for group in &groups[drawn..] { li { (group.label) } } }
            }
        }
    }
}

pub(super) fn draw_figure(figure: &Figure) -> Markup {
    html! {
        figure id=(figure.id) {
            h3 { (figure.title) }
            figcaption { (figure.caption) }
            @if let [view] = figure.views.as_slice() {
                div.view { (drawings(&view.chart)) }
            } @else {
                // Chosen by style alone: the box that is ticked shows its sibling.
                div.views role="group" aria-label={ (figure.title) ", one drawing at a time" } {
                    @for (index, view) in figure.views.iter().enumerate() {
                        @let id = format!("{}-view-{index}", figure.id);
                        input type="radio" name={ (figure.id) "-view" } id=(id) checked[index == 0];
                        label for=(id) { (view.label) }
                    }
                    @for view in &figure.views { div.view { (drawings(&view.chart)) } }
                }
            }
            details {
                summary { "Numbers and SQL" }
                (table::of(&figure.table))
                pre.sql tabindex="0" { code { (figure.sql) } }
            }
        }
    }
}

fn drawings(chart: &crate::plot::Chart) -> Markup {
    html! { (svg::inline(chart, Size::WIDE)) (svg::inline(chart, Size::NARROW)) }
}

pub(super) fn absent(all: &[Absent]) -> Markup {
    html! {
        div.absent {
            h3 { "Not drawn, and why" }
            dl { @for one in all { dt { (one.title) } dd { (worded(&one.why)) } } }
        }
    }
}

/// Every trial, in the columns that tell them apart and what came out.
fn trials(report: &Report) -> Markup {
    const COLUMNS: [&str; 16] = [
        "trial_index",
        "batch_size",
        "learning_rate",
        "seed",
        "status",
        "micro_batch",
        "accumulation_steps",
        "steps",
        "epochs",
        "train_set_loss",
        "final_validation_loss",
        "final_validation_accuracy",
        "steps_to_target",
        "train_seconds",
        "peak_memory_bytes",
        "error",
    ];
    let results = &report.results;
    let axes: Vec<String> =
        results::differing_axes(results).into_iter().filter(|axis| axis != "seed").collect();
    let used = |name: &&str| (0..results.rows.len()).any(|row| results.text(row, name).is_some());
    let names: Vec<&str> = COLUMNS.into_iter().filter(|name| used(name)).collect();
    let kind =
        |name: &str| results.column(name).map_or(crate::ColumnKind::Text, |at| results.columns[at].kind);
    let columns = names.iter().map(|name| Column { name: (*name).to_owned(), kind: kind(name) });
    let axis_columns = axes.iter().map(|name| Column { name: name.clone(), kind: crate::ColumnKind::Text });
    let rows = (0..results.rows.len()).map(|row| {
        let parameters = results::parameters(results, row);
        let cells = names.iter().map(|name| results.text(row, name).map(str::to_owned));
        cells.chain(axes.iter().map(|axis| Some(results::axis_text(&parameters, axis)))).collect()
    });
    let all = Table { columns: columns.chain(axis_columns).collect(), rows: rows.collect() };
    html! {
        details.trials {
            summary { "All " (human::count(results.rows.len() as u64, "trial")) }
            (table::of(&all))
            pre.sql tabindex="0" {
                code { "select * from batchsweep.result where sweep_id = " (quoted(&report.facts.sweep_id)) " order by trial_index" }
            }
        }
    }
}

fn source(report: &Report) -> Markup {
    html! {
        @if !report.facts.source.trim().is_empty() {
            details.source {
                summary { "The sweep file" }
                pre tabindex="0" { code { (report.facts.source) } }
            }
        }
    }
}

/// `2026-11-24T03:12:45.123456Z` to the minute.
fn date(text: &str) -> String {
    let day_and_minute = text.get(..16).map(|start| start.replacen('T', " ", 1));
    day_and_minute.map_or_else(|| text.to_owned(), |start| format!("{start} UTC"))
}

fn short(sweep_id: &str) -> &str {
    sweep_id.get(..8).unwrap_or(sweep_id)
}
