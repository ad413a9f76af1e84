use proptest::prelude::*;
use report::page::SweepFacts;

use super::fixture::{Trial, facts, grid, report};
use super::{assert_self_contained, assert_well_formed, tags};

const HOSTILE: [&str; 6] = [
    "</title><script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "</style></svg><script src='http://evil.example/x.js'></script>",
    "' onload='alert(1)",
    "<!-- ]]> &lt; &amp; \u{202e}",
    "</code></pre><iframe src=javascript:alert(1)>\u{0}\u{1b}[31m",
];

fn trials(text: &str) -> Vec<Trial> {
    let mut trials = grid(&[8, 32], &[0.016, 0.064], 1);
    for trial in &mut trials {
        trial.axis = Some(("optimizer", serde_json::to_string(text).unwrap()));
        trial.error = Some(text.to_owned());
    }
    // A second group, so that the first one's value is a heading.
    trials[0].axis = Some(("optimizer", "\"sgd\"".to_owned()));
    trials
}

fn page(text: &str) -> String {
    let text_ = text.to_owned();
    let facts = SweepFacts { name: text_.clone(), source: text_.clone(), state: text_, ..facts() };
    report(facts, &trials(text)).html()
}

#[test]
fn what_users_wrote_is_text_and_nothing_else() {
    let harmless = tags(&page("harmless")).len();
    for text in HOSTILE {
        let page = page(text);
        assert_eq!(tags(&page).len(), harmless, "{text}");
        assert_well_formed(&page);
        assert_self_contained(&page);
        assert!(!page.contains(['\u{0}', '\u{1b}']), "{text:?}");
    }
}

#[test]
fn a_quote_in_a_value_stays_within_its_sql_text() {
    let sections = report(facts(), &trials("it's; drop table")).sections();
    let sql = &sections[1].figures[0].sql;
    assert!(sql.contains(r#"= '{"optimizer":"it''s; drop table"}'"#), "{sql}");
}

#[test]
fn a_value_that_looks_like_a_place_in_a_statement_is_not_filled_in() {
    let sections = report(facts(), &trials("{sweep} {score} {trials}")).sections();
    let sql = &sections[1].figures[0].sql;
    assert!(sql.contains(r#"{"optimizer":"{sweep} {score} {trials}"}"#), "{sql}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_text_gets_out_of_its_place(text in "[<>&\"'/=! a-z\\PC]{0,40}") {
        let page = page(&text);
        assert_well_formed(&page);
        assert_self_contained(&page);
    }
}
