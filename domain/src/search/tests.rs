//! The whole search, by worked examples and by properties that hold for any results in any order.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const RATES: i32 = 12;

fn spec(goal: Goal) -> SearchSpec {
    SearchSpec { goal, ..SearchSpec::default() }
}

fn search(spec: SearchSpec, rows: u32, seeds: u64) -> Search {
    let rates: Vec<f64> = (0..RATES).map(|rate| 0.001 * 2f64.powi(rate)).collect();
    let rows = (0..rows).map(|row| (8 << row, rates.clone())).collect();
    Search::new(spec, Space::new(vec![Vec::new()], rows, (0..seeds).collect(), spec.extend))
}

/// Trains until the search is done, `workers` at a time, the trial begun last ending first.
fn run(
    search: &Search,
    workers: usize,
    mut outcome: impl FnMut(Trial) -> Standing,
) -> (Known, Vec<Decision>) {
    let (mut known, mut all) = (Known::default(), Vec::new());
    let mut open = Vec::new();
    loop {
        let decisions = search.next(&known, workers);
        for decision in decisions {
            assert_eq!(known.get(decision.trial), None, "begun twice: {decision:?}");
            known.set(decision.trial, Standing::Open);
            open.push(decision.trial);
            all.push(decision);
        }
        let Some(trial) = open.pop() else { return (known, all) };
        known.set(trial, outcome(trial));
    }
}

/// A parabola in the rate whose vertex moves by one rate a row, diverging from so many rates above it.
fn bowl(vertex: i32, wall: i32) -> impl Fn(Trial) -> Standing {
    move |Trial { cell, .. }| {
        let row = i32::try_from(cell.row).unwrap();
        let off = cell.rate - vertex - row;
        let score = 1.0 + 0.01 * f64::from(off).powi(2) + 0.02 * f64::from(row - 2).powi(2);
        if off >= wall { Standing::Diverged } else { Standing::Scored(score) }
    }
}

fn count(known: &Known, wanted: Standing, row: usize) -> usize {
    known.iter().filter(|(trial, standing)| trial.cell.row == row && *standing == wanted).count()
}

#[test]
fn each_row_ends_between_two_worse_rates_in_few_trials() {
    let search = search(spec(Goal::Rows), 5, 1);
    let (known, decisions) = run(&search, 1, bowl(3, 20));
    for row in 0..5 {
        let found = search.row(&known, 0, row).unwrap();
        assert_eq!(found.best.rate, 3 + i32::try_from(row).unwrap());
        assert!(found.is_bracketed());
    }
    assert!(decisions.len() <= 20, "{} of 60", decisions.len());
    assert!(search.is_done(&known));
    assert_eq!((decisions[0].reason, decisions[0].because.len()), (Reason::Scan, 0));
    assert!(decisions[1..].iter().all(|decision| !decision.because.is_empty()));
}

#[test]
fn no_row_walks_into_its_wall_twice_but_the_first_which_may_begin_behind_it() {
    for wall in 1..6 {
        for vertex in 0..7 {
            let search = search(spec(Goal::Rows), 5, 1);
            let (known, _) = run(&search, 1, bowl(vertex, wall));
            for row in 0..5 {
                let most = if row == 2 { 3 } else { 1 };
                let diverged = count(&known, Standing::Diverged, row);
                assert!(diverged <= most, "wall {wall}, vertex {vertex}, row {row}: {diverged}");
                assert_eq!(
                    search.row(&known, 0, row).unwrap().best.rate,
                    vertex + i32::try_from(row).unwrap()
                );
            }
        }
    }
}

#[test]
fn a_best_rate_two_points_past_the_edge_is_found_where_the_axis_may_grow() {
    let past = |extend| {
        let search = search(SearchSpec { extend, ..spec(Goal::Rows) }, 1, 1);
        let (known, decisions) = run(&search, 1, bowl(RATES + 1, 20));
        (search.row(&known, 0, 0).unwrap(), decisions, search.space().clone())
    };
    let (found, decisions, space) = past(3);
    assert_eq!((found.best.rate, found.is_bracketed()), (RATES + 1, true));
    assert!(decisions.iter().any(|decision| decision.reason == Reason::Extend));
    assert!((space.learning_rate(found.best).unwrap() / (0.001 * 2f64.powi(13)) - 1.0).abs() < 1e-5);
    let (found, ..) = past(0);
    assert_eq!((found.best.rate, found.higher), (RATES - 1, Bound::Edge));
    let search = search(SearchSpec { extend: 2, ..spec(Goal::All) }, 1, 1);
    let (known, decisions) = run(&search, 4, bowl(-1, 20));
    assert_eq!(search.row(&known, 0, 0).unwrap().best.rate, -1);
    assert_eq!(decisions.len(), 14);
}

#[test]
fn the_best_cell_is_found_in_a_fifth_of_the_grid() {
    let search = search(spec(Goal::Best), 6, 1);
    let (known, decisions) = run(&search, 1, bowl(3, 20));
    assert_eq!(search.best(&known, 0), Some(Cell { group: 0, row: 2, rate: 5 }));
    assert!(decisions.len() <= 15, "{} of 72", decisions.len());
}

#[test]
fn a_row_that_does_not_fit_costs_one_trial() {
    for goal in [Goal::Rows, Goal::Best] {
        let search = search(spec(goal), 5, 3);
        let fits = bowl(3, 20);
        let (known, _) =
            run(&search, 1, |trial| if trial.cell.row >= 2 { Standing::Infeasible } else { fits(trial) });
        assert!((2..5).all(|row| count(&known, Standing::Infeasible, row) <= 1));
        assert_eq!(search.best(&known, 0).unwrap().row, 1);
        let skipped = search.why_not(&known, Trial { cell: Cell { group: 0, row: 2, rate: 0 }, seed: 0 });
        assert_eq!(skipped.unwrap().why, Skip::Infeasible);
    }
}

#[test]
fn among_trials_that_miss_the_target_the_closest_shows_the_way() {
    let search = search(spec(Goal::Rows), 1, 1);
    let (known, _) = run(&search, 1, |Trial { cell, .. }| match cell.rate {
        9 | 10 => Standing::Scored(f64::from(110 - cell.rate)),
        rate => Standing::Missed(Some(f64::from((10 - rate).pow(2)))),
    });
    let found = search.row(&known, 0, 0).unwrap();
    assert_eq!((found.best.rate, found.is_bracketed()), (10, true));
}

#[test]
fn failed_trials_are_passed_over_and_never_begun_again() {
    let search = search(spec(Goal::Rows), 3, 1);
    let works = bowl(4, 20);
    let fails = |trial: Trial| trial.cell.rate == 5 || trial.cell == (Cell { group: 0, row: 1, rate: 6 });
    let (known, _) = run(&search, 1, |trial| if fails(trial) { Standing::Failed } else { works(trial) });
    let bests = (0..3).map(|row| search.row(&known, 0, row).unwrap());
    assert!(bests.clone().all(|found| found.is_bracketed()));
    assert_eq!(bests.map(|found| found.best.rate).collect::<Vec<_>>(), [4, 4, 6]);
}

#[test]
fn a_plateau_is_looked_past_by_one_equal_rate() {
    let search = search(spec(Goal::Rows), 1, 1);
    let (known, decisions) = run(&search, 1, |_| Standing::Scored(1.0));
    assert!(search.is_done(&known) && decisions.len() <= 8, "{decisions:?}");
    let slope = |trial: Trial| {
        Standing::Scored(match trial.cell.rate {
            8.. => 0.5,
            6 | 7 => 1.0,
            _ => 2.0,
        })
    };
    let (known, _) = run(&search, 1, slope);
    assert_eq!(search.row(&known, 0, 0).unwrap().best.rate, 8);
}

#[test]
fn a_group_starts_from_what_an_earlier_one_found() {
    let rates: Vec<f64> = (0..RATES).map(|rate| 0.001 * 2f64.powi(rate)).collect();
    let groups =
        ["sgd", "adam"].map(|word| vec![("optimizer".to_owned(), crate::spec::Value::Word(word.into()))]);
    let space = Space::new(groups.to_vec(), vec![(8, rates.clone()), (16, rates)], vec![0], 0);
    let search = Search::new(spec(Goal::Rows), space);
    let (_, decisions) = run(&search, 1, bowl(8, 20));
    let first = decisions.iter().find(|decision| decision.trial.cell.group == 1).unwrap();
    assert_eq!((first.trial.cell.row, first.trial.cell.rate), (1, 9));
}

#[test]
fn no_more_trials_are_begun_than_allowed() {
    let search = search(SearchSpec { max_trials: Some(7), ..spec(Goal::Rows) }, 5, 1);
    assert_eq!(search.at_most_left(&Known::default()), 7);
    let (known, decisions) = run(&search, 4, bowl(3, 20));
    assert_eq!((decisions.len(), search.at_most_left(&known)), (7, 0));
    let skipped = search.why_not(&known, Trial { cell: Cell { group: 0, row: 0, rate: 0 }, seed: 0 });
    assert_eq!(skipped.unwrap().why, Skip::Limit);
}

#[test]
fn without_a_search_every_cell_gets_every_seed_a_seed_at_a_time() {
    let search = search(SearchSpec::default(), 3, 2);
    let (_, decisions) = run(&search, 5, bowl(3, 20));
    assert_eq!(decisions.len(), 72);
    assert!(decisions[..36].iter().all(|decision| decision.trial.seed == 0));
    assert_eq!(decisions[0].trial.cell, Cell { group: 0, row: 1, rate: 6 });
}

#[test]
fn each_chosen_cell_gets_all_seeds_unless_they_decide() {
    let all = search(spec(Goal::Rows), 3, 3);
    let (known, decisions) = run(&all, 1, bowl(3, 20));
    let cells: std::collections::BTreeSet<Cell> = known.iter().map(|(trial, _)| trial.cell).collect();
    assert_eq!(decisions.len(), 3 * cells.len());
    let decide = SearchSpec { seeds: SeedRule::Decide, ..spec(Goal::Rows) };
    let (_, fewer) = run(&search(decide, 3, 3), 1, bowl(3, 20));
    assert!(fewer.len() < decisions.len() - 10, "{} of {}", fewer.len(), decisions.len());
}

#[test]
fn seeds_decide_between_cells_that_cannot_be_distinguished() {
    let decide = SearchSpec { seeds: SeedRule::Decide, ..spec(Goal::Rows) };
    let search = search(decide, 3, 3);
    // Two rates of the first row are alike; all others are far worse.
    let outcome = |Trial { cell, seed }: Trial| {
        let far = match (cell.row, cell.rate) {
            (0, 5 | 6) | (1 | 2, 6) => 0.0,
            (_, rate) => 0.5 * f64::from((rate - 6).abs()),
        };
        Standing::Scored(1.0 + far + 0.01 * f64::from(u32::try_from(seed).unwrap()))
    };
    let (known, _) = run(&search, 1, outcome);
    let seeds = |row, rate| {
        let cell = Cell { group: 0, row, rate };
        search.space().trials(cell).filter(|&trial| known.get(trial).is_some()).count()
    };
    assert_eq!((seeds(0, 5), seeds(0, 6)), (3, 3));
    assert_eq!((seeds(0, 4), seeds(2, 5)), (1, 1));
}

#[test]
fn why_a_cell_was_not_trained_can_be_asked() {
    let search = search(spec(Goal::Rows), 3, 1);
    let why = |known: &Known, row, rate| {
        search
            .why_not(known, Trial { cell: Cell { group: 0, row, rate }, seed: 0 })
            .map(|skipped| skipped.why)
    };
    assert_eq!(why(&Known::default(), 0, 0), Some(Skip::Undecided));
    let (known, _) = run(&search, 1, bowl(5, 1));
    assert_eq!(why(&known, 0, 5), None);
    assert_eq!(why(&known, 0, 0), Some(Skip::Bracketed));
    assert_eq!(why(&known, 0, 11), Some(Skip::Wall));
}

fn falling(to: f64) -> Course {
    Course::Scores((1..=10).map(|step| (100 * step, to + 1.0 / step as f64)).collect())
}

#[test]
fn a_trial_that_cannot_become_the_best_of_its_row_is_stopped() {
    let search = search(SearchSpec { stop: true, ..spec(Goal::Rows) }, 2, 1);
    let trial = |row, rate| Trial { cell: Cell { group: 0, row, rate }, seed: 0 };
    let mut known = Known::default();
    let mut courses = BTreeMap::new();
    for (rate, end) in [(5, 1.1), (6, 1.2)] {
        known.set(trial(0, rate), Standing::Scored(end));
        courses.insert(trial(0, rate), falling(end - 0.1));
    }
    let so_far = |to: f64, evaluations: usize| match falling(to) {
        Course::Scores(scores) => Course::Scores(scores[..evaluations].to_vec()),
        steps @ Course::Steps(_) => steps,
    };
    known.set(trial(0, 7), Standing::Open);
    let mut stops = |known: &Known, course| {
        courses.insert(trial(0, 7), course);
        search.stops(known, &courses)
    };
    assert!(stops(&known, so_far(1.0, 5)).is_empty(), "it may still win");
    assert!(stops(&known, so_far(3.0, 2)).is_empty(), "it is too early");
    let stopped = stops(&known, so_far(3.0, 5));
    assert_eq!((stopped[0].action, stopped[0].reason), (Action::Stop, Reason::Hopeless));
    assert_eq!(stopped[0].because, [trial(0, 5), trial(0, 6)]);
    // Another row says nothing.
    courses.remove(&trial(0, 7));
    known.set(trial(1, 7), Standing::Open);
    courses.insert(trial(1, 7), so_far(9.0, 8));
    assert!(search.stops(&known, &courses).is_empty());
}

#[test]
fn steps_to_the_target_are_stopped_once_they_exceed_the_best() {
    let search = search(SearchSpec { stop: true, ..spec(Goal::Rows) }, 1, 1);
    let trial = |rate| Trial { cell: Cell { group: 0, row: 0, rate }, seed: 0 };
    let mut known = Known::default();
    known.set(trial(5), Standing::Scored(500.0));
    known.set(trial(6), Standing::Open);
    let stops = |steps| search.stops(&known, &BTreeMap::from([(trial(6), Course::Steps(steps))]));
    assert!(stops(500).is_empty());
    assert_eq!(stops(501).len(), 1);
    // Repeats may show that the best is another one.
    let decide = SearchSpec { stop: true, seeds: SeedRule::Decide, ..spec(Goal::Rows) };
    let repeated = self::search(decide, 1, 3);
    let stops = |steps| repeated.stops(&known, &BTreeMap::from([(trial(6), Course::Steps(steps))]));
    assert_eq!((stops(625).len(), stops(626).len()), (0, 1));
    // A stopped trial bounds the best as a worse one does.
    known.set(trial(6), Standing::Stopped);
    assert!(matches!(search.row(&known, 0, 0).unwrap().higher, Bound::Worse(_)));
}

/// Any result of a trial, the same whenever it is asked for.
fn any_outcome(salt: u64) -> impl Fn(Trial) -> Standing {
    move |trial| {
        let places = [trial.cell.row as u64, u64::from(trial.cell.rate.unsigned_abs()), trial.seed as u64];
        let seed = places.into_iter().fold(salt, |seed, place| seed.wrapping_mul(1_000_003) ^ place);
        let mut random = crate::analysis::random::Random::new(seed);
        match random.below(10) {
            0 => Standing::Diverged,
            1 => Standing::Failed,
            2 => Standing::Missed(Some(random.unit())),
            3 if random.below(4) == 0 => Standing::Infeasible,
            _ => Standing::Scored((20.0 * random.unit()).round()),
        }
    }
}

fn specs() -> impl Strategy<Value = SearchSpec> {
    let goals = prop::sample::select(vec![Goal::Rows, Goal::Best, Goal::All]);
    let seeds = prop::sample::select(vec![SeedRule::All, SeedRule::Decide]);
    (goals, seeds, 0u32..3).prop_map(|(goal, seeds, extend)| SearchSpec {
        goal,
        seeds,
        extend,
        ..SearchSpec::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_ends_and_begins_no_trial_twice_whatever_comes_out(
        spec in specs(), rows in 1u32..6, workers in 1usize..9, salt in any::<u64>(),
    ) {
        let search = search(spec, rows, 2);
        let (known, decisions) = run(&search, workers, any_outcome(salt));
        prop_assert!(search.is_done(&known));
        prop_assert_eq!(known.begun(), decisions.len());
        for decision in decisions {
            prop_assert!(search.space().learning_rate(decision.trial.cell).is_some());
            prop_assert!(decision.because.iter().all(|trial| known.get(*trial).is_some()));
        }
    }

    #[test]
    fn a_row_with_a_score_ends_bounded_unless_it_touches_the_edge(
        rows in 1u32..6, workers in 1usize..9, salt in any::<u64>(),
    ) {
        let search = search(spec(Goal::Rows), rows, 1);
        let (known, _) = run(&search, workers, any_outcome(salt));
        for found in (0..rows as usize).filter_map(|row| search.row(&known, 0, row)) {
            for bound in [found.lower, found.higher] {
                let is_final = matches!(bound, Bound::Worse(_) | Bound::Wall(_) | Bound::Edge);
                let row = found.best.row;
                let is_closed = count(&known, Standing::Infeasible, row) > 0;
                prop_assert!(is_final || is_closed);
            }
        }
    }

    #[test]
    fn killed_at_any_decision_with_results_in_any_order_it_goes_on_as_undisturbed(
        spec in specs(), workers in 1usize..5, salt in any::<u64>(), killed in prop::collection::vec(any::<bool>(), 1..40),
    ) {
        let search = search(spec, 4, 2);
        let outcome = any_outcome(salt);
        // The rows of the database: decisions and results, in the order in which they were written.
        let (mut rows, mut open): (Vec<(Trial, Standing)>, Vec<Trial>) = (Vec::new(), Vec::new());
        let mut memory = Known::default();
        for round in 0.. {
            let decided = search.next(&memory, workers);
            if killed[round % killed.len()] {
                // Nothing of this was committed. The next coordinator reads the rows, in no particular order.
                let mut read = Known::default();
                let last: BTreeMap<Trial, Standing> = rows.iter().copied().collect();
                last.into_iter().rev().for_each(|(trial, standing)| read.set(trial, standing));
                prop_assert_eq!(&read, &memory);
                prop_assert_eq!(search.next(&read, workers), decided.clone());
                memory = read;
            }
            for decision in decided {
                prop_assert!(rows.iter().all(|(trial, _)| *trial != decision.trial));
                rows.push((decision.trial, Standing::Open));
                memory.set(decision.trial, Standing::Open);
                open.push(decision.trial);
            }
            if open.is_empty() {
                break;
            }
            let trial = open.swap_remove((salt as usize).wrapping_mul(round + 1) % open.len());
            rows.push((trial, outcome(trial)));
            memory.set(trial, outcome(trial));
        }
    }

    #[test]
    fn higher_is_better_is_the_same_search_upside_down(goal in prop::sample::select(vec![Goal::Rows, Goal::Best]), vertex in 0i32..8) {
        let search = search(spec(goal), 4, 1);
        let outcome = bowl(vertex, 4);
        let (_, lower) = run(&search, 1, &outcome);
        let mut known = Known::new(Better::Higher);
        let mut higher = Vec::new();
        while let Some(decision) = search.next(&known, 1).into_iter().next() {
            let standing = match outcome(decision.trial) {
                Standing::Scored(score) => Standing::Scored(-score),
                other => other,
            };
            known.set(decision.trial, standing);
            higher.push(decision);
        }
        prop_assert_eq!(lower, higher);
    }
}
