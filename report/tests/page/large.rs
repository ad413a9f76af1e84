use super::assert_well_formed;
use super::fixture::{asked, drawn, facts, grid, report};

#[test]
fn groups_beyond_a_dozen_are_named_and_not_drawn() {
    let mut trials = Vec::new();
    for index in 0..14 {
        let mut group = grid(&[8, 32], &[0.016, 0.064], 1);
        group.iter_mut().for_each(|trial| trial.axis = Some(("momentum", format!("0.{index:02}"))));
        trials.extend(group);
    }
    let report = report(facts(), &trials);
    assert_eq!(report.sections().len(), 12);
    let page = report.html();
    assert_well_formed(&page);
    let left_out = &page[page.find("Groups that are not drawn").unwrap()..];
    assert!(left_out.contains("<li>momentum 0.12</li><li>momentum 0.13</li>"));
}

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
