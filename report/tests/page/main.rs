//! The report's page, whole: its structure, its empty states, its size, and that nothing in it comes from outside or gets
//! out of its place.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what went wrong by ending")]

mod fixture;

mod structure;

mod hostile;

mod empty;

mod large;

/// The tags of a page, in order, each with what stands in it.
pub fn tags(page: &str) -> Vec<&str> {
    let style = page.find("<style>").unwrap() + 1..page.find("</style>").unwrap();
    page.match_indices('<')
        .filter(|(start, _)| !style.contains(start))
        .map(|(start, _)| {
            let end = page[start..].find('>').expect("a tag ends");
            &page[start + 1..start + end]
        })
        .collect()
}

/// Ends where a tag is left open, closed twice or closed out of turn.
#[track_caller]
pub fn assert_well_formed(page: &str) {
    const VOID: [&str; 2] = ["meta", "input"];
    let mut open = Vec::new();
    for tag in tags(page) {
        let name = tag.trim_start_matches('/').split_whitespace().next().unwrap();
        match (tag.starts_with('/'), VOID.contains(&name) || tag.starts_with('!')) {
            (_, true) => {}
            (false, _) => open.push(name),
            (true, _) => assert_eq!(open.pop(), Some(name), "closed out of turn: {tag}"),
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
    let mut ids: Vec<&str> =
        page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count, "an id is there twice");
}

/// Ends where the page names anything outside itself.
#[track_caller]
pub fn assert_self_contained(page: &str) {
    for tag in tags(page) {
        for outside in ["src=", "href=", "http:", "https:", "@import", "srcset"] {
            assert!(!tag.contains(outside), "{tag}");
        }
        assert!(!tag.to_ascii_lowercase().starts_with("script"), "{tag}");
    }
    let urls = page.match_indices("url(").map(|(start, _)| &page[start + 4..start + 5]);
    assert!(urls.into_iter().all(|first| first == "#"), "a url that is no part of the page");
}
