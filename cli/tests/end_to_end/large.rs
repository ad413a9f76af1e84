//! A sweep of more trials than one message holds is inspected like any other.

use super::sandbox::Sandbox;

/// More than one page of rows.
const TRIALS: usize = 5_200;

#[test]
fn every_command_shows_a_sweep_that_comes_in_several_pages() {
    let sandbox = Sandbox::new();
    let seeds: Vec<usize> = (0..TRIALS / 2).collect();
    let spec = sandbox.file(
        "large.toml",
        &format!(
            "name = \"large\"\n[data]\nformat = \"synthetic\"\nexamples = 64\nfeatures = [10]\nclasses = 2\n\
             [model]\nkind = \"linear\"\n[grid]\nbatch_size = [8]\nlearning_rate = [0.1, 0.2]\nseed = {seeds:?}\n\
             [train]\nsteps = 1\n"
        ),
    );
    sandbox.read(&["up"]);
    sandbox.read(&["submit", spec.to_str().unwrap()]);
    sandbox.read(&["cancel", "@last"]);
    sandbox.read(&["wait", "@last"]);
    for verb in ["results", "trials"] {
        let rows = sandbox.rows(&[verb, "@last"]);
        let indices: Vec<_> = rows.iter().map(|row| row["trial_index"].as_u64().unwrap()).collect();
        assert_eq!(indices, (0..TRIALS as u64).collect::<Vec<_>>(), "{verb}");
    }
    for verb in ["show", "best", "results", "trials"] {
        sandbox.read(&[verb, "large"]);
    }
    let page = sandbox.read(&["report", "large", "--out", "-"]);
    assert!(page.contains("5,200 trials"), "the report counts all of them");
}
