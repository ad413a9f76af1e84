use report::page::{Report, Section};

use super::fixture::{Trial, aimed, drawn, facts, grid, report};
use super::{assert_self_contained, assert_well_formed};

/// The headings of figures and of what is missing.
fn told(report: &Report) -> (Vec<String>, Vec<String>) {
    let page = report.html();
    assert_well_formed(&page);
    assert_self_contained(&page);
    let sections: Vec<Section> = report.sections();
    let figures = sections.iter().flat_map(|section| &section.figures).map(|figure| figure.id.clone());
    let absent = sections.iter().flat_map(|section| &section.absent);
    (figures.collect(), absent.map(|one| format!("{}: {}", one.title, one.why)).collect())
}

#[test]
fn a_sweep_without_trials_is_a_page_too() {
    let report = report(facts(), &[]);
    assert_eq!(told(&report), (Vec::new(), Vec::new()));
}

#[test]
fn one_trial_shows_what_it_can_and_says_what_is_missing() {
    let trials = [Trial::new(32, 0.064, 0)];
    let report = drawn(report(facts(), &trials), &trials, 30);
    let (figures, absent) = told(&report);
    assert_eq!(figures, ["heatmap", "curves", "evaluated-curves", "memory", "throughput"]);
    insta::assert_snapshot!(absent.join("\n"));
}

#[test]
fn a_sweep_that_has_not_begun_has_no_figure() {
    let mut trials = grid(&[8, 32], &[0.016, 0.064], 1);
    trials.iter_mut().for_each(|trial| trial.status = "pending");
    let (figures, absent) = told(&report(facts(), &trials));
    assert!(figures.is_empty(), "{figures:?}");
    assert!(absent[0].contains("No trial has ended yet"), "{absent:?}");
}

#[test]
fn a_sweep_of_which_all_diverged_shows_hatched_cells_and_its_curves() {
    let mut trials = grid(&[8, 32], &[0.016, 0.064], 1);
    trials.iter_mut().for_each(|trial| trial.status = "diverged");
    let report = drawn(report(facts(), &trials), &trials, 20);
    let (figures, _) = told(&report);
    assert_eq!(figures, ["heatmap", "curves", "evaluated-curves", "memory", "throughput"]);
}

#[test]
fn a_batch_size_that_does_not_fit_is_grey_and_has_no_bar() {
    let mut trials = grid(&[8, 4096], &[0.016, 0.064], 1);
    trials.iter_mut().filter(|trial| trial.batch_size == 4096).for_each(|trial| trial.status = "infeasible");
    let report = report(facts(), &trials);
    told(&report);
    let page = report.html();
    assert!(page.contains("did not fit"));
    assert!(page.contains("batch size 4096: not even one example at a time fits"));
}

#[test]
fn a_target_that_nobody_met_is_told_as_such() {
    let (_, absent) = told(&aimed(facts(), &grid(&[8, 32], &[0.016, 0.064], 1), Some(0.01)));
    let steps = absent.iter().find(|line| line.starts_with("Steps to the target")).unwrap();
    assert!(steps.contains("train set loss below 0.01"), "{steps}");
}
