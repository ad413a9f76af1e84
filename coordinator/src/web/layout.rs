//! What all pages share.

use axum::response::Html;
use maud::{DOCTYPE, Markup, html};

/// What a page says about itself.
#[derive(Debug)]
pub struct Place<'a> {
    pub title: &'a str,
    /// The entry of the navigation that it belongs to: its path.
    pub nav: &'static str,
    /// How many batch sizes its plots have; `None` without plots.
    pub series: Option<usize>,
    /// Whether there is a token that can be forgotten.
    pub is_signed_in: bool,
    /// Where the script gets what has changed; `None` for a page that does not change.
    pub live: Option<Live>,
}

/// How a page is kept up to date.
#[derive(Debug)]
pub struct Live {
    /// Gives the pieces of the page.
    pub pieces: String,
    /// Tells when to ask for them; `None` for every few seconds.
    pub events: Option<String>,
}

impl<'a> Place<'a> {
    /// A page outside the navigation.
    pub fn nowhere(title: &'a str) -> Self {
        Self { title, nav: "", series: None, is_signed_in: false, live: None }
    }
}

/// A whole page.
pub fn page(place: &Place<'_>, body: &Markup) -> Html<String> {
    let live = place.live.as_ref();
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (place.title) " · batchsweep" }
                link rel="icon" type="image/svg+xml" href="/assets/icon.svg";
                link rel="stylesheet" href={ "/assets/plots/" (place.series.unwrap_or(0)) ".css" };
                link rel="stylesheet" href="/assets/page.css";
                script src="/assets/page.js" defer {}
            }
            body data-pieces=[live.map(|live| &live.pieces)] data-events=[live.and_then(|live| live.events.as_ref())] {
                a.skip href="#main" { "Skip to content" }
                header.bar {
                    div.inner {
                        a.brand href="/" { span.mark aria-hidden="true" {} "batchsweep" }
                        nav aria-label="Pages" {
                            (nav(place, "/", "Sweeps"))
                            (nav(place, "/workers", "Workers"))
                        }
                        @if live.is_some() { span.live #live hidden { "live" } }
                        @if place.is_signed_in {
                            form method="post" action="/sign-out" { button.quiet { "Sign out" } }
                        }
                    }
                }
                main #main tabindex="-1" { (body) }
                // What is read aloud while a sweep runs: this, now and then, and not each row that changes.
                @if live.is_some() { p.unseen #told role="status" {} }
                footer { p { "batchsweep " (env!("CARGO_PKG_VERSION")) } }
            }
        }
    };
    Html(report::page::printable(markup.into_string()))
}

fn nav(place: &Place<'_>, path: &'static str, word: &str) -> Markup {
    html! { a href=(path) aria-current=[(place.nav == path).then_some("page")] { (word) } }
}
