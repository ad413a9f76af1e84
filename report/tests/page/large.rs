use super::assert_well_formed;
use super::fixture::{asked, drawn, facts, grid, report};

#[test]
fn a_thousand_trials_make_a_page_of_a_few_megabytes() {
    let sizes: Vec<u64> = (3..13).map(|power| 1 << power).collect();
    let rates: Vec<f64> = (0..20).map(|index| 1e-3 * 1.5f64.powi(index)).collect();
    let trials = grid(&sizes, &rates, 5);
    assert_eq!(trials.len(), 1000);
    assert_eq!(
        asked(&report(facts(), &trials).curve_queries()[0]).len(),
        10,
        "of each best cell the middle seed"
    );
    // Eight points to a doubling, and twenty doublings.
    let page = drawn(report(facts(), &trials), &trials, 160).html();
    assert_well_formed(&page);
    assert!(page.len() < 2 << 20, "{} bytes", page.len());
}
