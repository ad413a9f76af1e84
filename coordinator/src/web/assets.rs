//! What pages load: style, script and icon, all of this build.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

/// More members than any series has that an eye can tell apart; also a bound on what is made for a caller.
const MOST_SERIES: usize = 4_096;

/// The style of pages.
pub async fn page_css() -> Response {
    asset("text/css; charset=utf-8", include_str!("assets/page.css"))
}

/// The style of plots whose series have so many members.
pub async fn plots_css(Path(series): Path<String>) -> Response {
    let series = series.strip_suffix(".css").and_then(|number| number.parse::<usize>().ok());
    match series.filter(|&series| series <= MOST_SERIES) {
        Some(series) => asset("text/css; charset=utf-8", report::page::parts::style(series)),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The script that keeps pages up to date.
pub async fn page_js() -> Response {
    asset("text/javascript; charset=utf-8", include_str!("assets/page.js"))
}

pub async fn icon() -> Response {
    asset("image/svg+xml", include_str!("assets/icon.svg"))
}

fn asset(kind: &'static str, text: impl IntoResponse) -> Response {
    // Another build may serve the same address tomorrow.
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "private, max-age=60")], text).into_response()
}
