//! `[search]`.

use domain::spec::{Goal, SearchSpec, SeedRule};

use super::reader::{Reader, Section};

/// Reads the section; values that could not be read keep their default, and their mistakes are noted.
pub fn read(mut section: Section<'_>, reader: &mut Reader) -> SearchSpec {
    let goal = section.take("goal").and_then(|field| reader.word(&field, &Goal::ALL));
    let extend = section.take("extend").and_then(|field| reader.whole(&field));
    let seeds = section.take("seeds").and_then(|field| reader.word(&field, &SeedRule::ALL));
    let stop = section.take("stop").and_then(|field| reader.flag(&field));
    let max_trials = section.take("max_trials").and_then(|field| reader.whole(&field));
    section.finish(reader, |_| None);
    SearchSpec {
        goal: goal.unwrap_or_default(),
        // What is past 32 bits is past what is allowed.
        extend: u32::try_from(extend.unwrap_or_default()).unwrap_or(u32::MAX),
        seeds: seeds.unwrap_or_default(),
        stop: stop.unwrap_or_default(),
        max_trials,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{mistakes, parse_with, with};
    use super::*;

    #[test]
    fn a_search_is_read_and_its_mistakes_are_reported() {
        let text =
            with("[train]", "[search]\ngoal = \"rows\"\nextend = 3\nstop = true\nmax_trials = 60\n\n[train]")
                .replace("[0.01]", "[0.01, 0.1]");
        let sweep = parse_with(&text, &["search.seeds=decide"]).unwrap();
        let SearchSpec { goal, extend, seeds, stop, max_trials } = sweep.search;
        assert_eq!((goal, extend, seeds), (Goal::Rows, 3, SeedRule::Decide));
        assert_eq!((stop, max_trials), (true, Some(60)));
        insta::assert_snapshot!(mistakes(&with(
            "[train]",
            "[search]\ngoal = \"row\"\nextend = 3\nseed = \"all\"\nstop = \"true\"\nmax_trials = 0\n\n[train]",
        )));
        let best = with(
            "epochs = 3",
            "epochs = 3\nstop_at_target = true\ntarget = { metric = \"train_set_loss\", below = 0.1 }\n\n[search]\ngoal = \"best\"",
        );
        insta::assert_snapshot!(mistakes(&best));
    }
}
