//! Statuses, times and names as pages show them.

use chrono::{DateTime, SecondsFormat, Utc};
use maud::{Markup, html};
use report::human;
use report::sheet::Tone;

use crate::store::sweep::SweepRow;

pub fn tone_class(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Busy => "busy",
        Tone::Odd => "odd",
        Tone::Bad => "bad",
        Tone::Faint => "faint-tone",
        Tone::Plain => "plain",
    }
}

/// A status or state with its colour; the word says it all.
pub fn badge(word: &str) -> Markup {
    html! { span class={ "badge " (tone_class(report::rows::tone(word))) } { (word) } }
}

/// A time to the minute.
pub fn moment(time: DateTime<Utc>) -> Markup {
    html! { time datetime=(time.to_rfc3339_opts(SecondsFormat::Secs, true)) { (time.format("%Y-%m-%d %H:%M")) " UTC" } }
}

/// The name of a sweep; the beginning of its id where it has none.
pub fn name(sweep: &SweepRow) -> String {
    sweep.name.clone().unwrap_or_else(|| sweep.sweep_id.to_string().chars().take(8).collect())
}

/// Trials of a sweep by status, in the order in which they are told.
pub fn counts(sweep: &SweepRow) -> [(u64, &'static str); 10] {
    let counts = &sweep.counts;
    [
        (counts.succeeded, "succeeded"),
        (counts.diverged, "diverged"),
        (counts.infeasible, "infeasible"),
        (counts.stopped, "stopped"),
        (counts.skipped, "skipped"),
        (counts.failed, "failed"),
        (counts.cancelled, "cancelled"),
        (counts.running, "running"),
        (counts.pending, "pending"),
        (counts.undecided, "undecided"),
    ]
}

/// Trials in all, and those that have ended.
pub fn trials(sweep: &SweepRow) -> (u64, u64) {
    (sweep.counts.all(), sweep.counts.ended())
}

/// `7 succeeded, 2 diverged`, as the command says it.
pub fn by_status(sweep: &SweepRow) -> String {
    let parts = counts(sweep).into_iter().filter(|(count, _)| *count > 0);
    parts.map(|(count, word)| format!("{} {word}", human::whole(count))).collect::<Vec<_>>().join(", ")
}

/// How far a sweep is, as a bar of its statuses; a reader hears the words.
pub fn bar(sweep: &SweepRow) -> Markup {
    let (all, _) = trials(sweep);
    let mut left = 0.0;
    let parts = counts(sweep)
        .into_iter()
        .filter(|(count, word)| *count > 0 && !matches!(*word, "pending" | "undecided"));
    let parts: Vec<(f64, f64, &str)> = parts
        .map(|(count, word)| {
            let width = 100.0 * count as f64 / all.max(1) as f64;
            left += width;
            (left - width, width, word)
        })
        .collect();
    html! {
        svg.progress viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label=(by_status(sweep)) {
            rect.track x="0" y="0" width="100" height="4" {}
            @for (left, width, word) in parts {
                rect class=(tone_class(report::rows::tone(word))) x=(format!("{left:.3}")) y="0" width=(format!("{width:.3}")) height="4" {}
            }
        }
    }
}
