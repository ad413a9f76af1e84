//! Pages as pieces: each has a place and a version, so that a page that is open gets those which have changed, and no
//! more.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::Json;
use maud::{Markup, PreEscaped, html};
use report::page::printable;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A part of a page that is replaced as a whole. Cheap to clone: many pages show the same.
#[derive(Debug, Clone)]
pub struct Piece {
    /// The list that it stands in.
    pub place: &'static str,
    /// Letters, digits and dashes; its own among all pieces of a page.
    pub id: Arc<str>,
    version: Arc<str>,
    html: Arc<str>,
}

impl Piece {
    pub fn new(place: &'static str, id: impl Into<Arc<str>>, markup: &Markup) -> Self {
        let (id, version) = (id.into(), version(markup));
        // Rows of a table are rows also as pieces.
        let tag = if place.ends_with("-rows") || place.ends_with("-head") { "tr" } else { "div" };
        let attributes =
            html! { div class="piece" id={ "piece-" (id) } data-piece=(id) data-version=(version) {} };
        // Only the tag's name is put together here; maud has escaped the rest.
        let opening = attributes.0.trim_start_matches("<div").trim_end_matches("></div>");
        let html = printable(format!("<{tag}{opening}>{}</{tag}>", markup.0));
        Self { place, id, version: version.into(), html: html.into() }
    }
}

fn version(markup: &Markup) -> String {
    let mut version = String::new();
    for byte in Sha256::digest(markup.0.as_bytes()).iter().take(6) {
        // Writing to a string cannot fail.
        let _ = write!(version, "{byte:02x}");
    }
    version
}

/// The pieces of one place, in their order, for the page itself.
pub fn all(pieces: &[Piece], place: &str) -> Markup {
    html! { @for piece in pieces.iter().filter(|piece| piece.place == place) { (PreEscaped(&*piece.html)) } }
}

/// A list of pieces that the script keeps up to date.
pub fn place(pieces: &[Piece], place: &str) -> Markup {
    html! { div class=(place) data-place=(place) { (all(pieces, place)) } }
}

/// What a page has already.
#[derive(Debug, Default, Deserialize)]
pub struct Known {
    /// `id:version`, with commas between them.
    #[serde(default)]
    known: String,
}

/// The pieces of these places, those that the page has without their text.
pub fn changes(pieces: &[Piece], places: &[&str], known: &Known) -> Json<Value> {
    let known: HashMap<&str, &str> =
        known.known.split(',').filter_map(|pair| pair.rsplit_once(':')).collect();
    let of = |place: &str| -> Vec<Value> {
        let here = pieces.iter().filter(|piece| piece.place == place);
        here.map(|piece| {
            let is_known = known.get(&*piece.id) == Some(&&*piece.version);
            json!({ "id": &*piece.id, "html": (!is_known).then_some(&*piece.html) })
        })
        .collect()
    };
    let places: serde_json::Map<String, Value> =
        places.iter().map(|place| ((*place).to_owned(), Value::Array(of(place)))).collect();
    Json(Value::Object(places))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_changed_is_sent_again() {
        let pieces = [
            Piece::new("list", "a", &html! { p { "one" } }),
            Piece::new("list-rows", "b", &html! { td { "<two>" } }),
        ];
        let known = Known { known: format!("a:{},b:0123", pieces[0].version) };
        let Json(sent) = changes(&pieces, &["list", "list-rows"], &known);
        assert_eq!(sent["list"][0], json!({ "id": "a", "html": null }));
        let row = sent["list-rows"][0]["html"].as_str().unwrap();
        assert!(
            row.starts_with(r#"<tr class="piece" id="piece-b""#)
                && row.ends_with("<td>&lt;two&gt;</td></tr>"),
            "{row}"
        );
    }
}
