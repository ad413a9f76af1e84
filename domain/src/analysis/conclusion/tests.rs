use super::*;
use crate::analysis::{Analysis, TrialRecord, analyze};
use crate::lifecycle::TrialStatus;
use crate::spec::{TrainSpec, Value};
use proptest::prelude::*;

/// A trial on one CPU with this loss after so many seconds.
fn trial(batch_size: u64, learning_rate: f64, seed: u64, loss: f64, seconds: f64) -> TrialRecord {
    TrialRecord {
        steps: Some(3 * 1000u64.div_ceil(batch_size)),
        examples: Some(3000),
        epochs: Some(3.0),
        train_set_loss: Some(loss),
        train_seconds: Some(seconds),
        device: Some("cpu".to_owned()),
        ..TrialRecord::new(batch_size, learning_rate, seed, TrialStatus::Succeeded)
    }
}

/// Three learning rates around 0.1, the middle one best; seeds a hundredth apart.
fn row(batch_size: u64, loss: f64, seconds: f64, seeds: u64) -> Vec<TrialRecord> {
    let rates = [(0.05, 0.2), (0.1, 0.0), (0.2, 0.2)];
    let of = |(rate, more): (f64, f64)| {
        (0..seeds).map(move |seed| trial(batch_size, rate, seed, loss + more + 0.01 * seed as f64, seconds))
    };
    rates.into_iter().flat_map(of).collect()
}

fn texts(analysis: &Analysis, kind: SentenceKind) -> Vec<&str> {
    let of_kind = analysis.conclusion.sentences.iter().filter(|sentence| sentence.kind == kind);
    of_kind.map(|sentence| sentence.text.as_str()).collect()
}

#[track_caller]
fn assert_says(analysis: &Analysis, kind: SentenceKind, text: &str) {
    let said = texts(analysis, kind);
    assert!(said.iter().any(|sentence| sentence.contains(text)), "`{text}` is not among {said:#?}");
}

#[test]
fn three_seeds_apart_and_a_bracketed_rate_make_a_firm_choice() {
    let analysis = analyze(&[row(10, 0.5, 2.0, 3), row(50, 0.9, 1.0, 3)].concat(), None);
    let choice = analysis.conclusion.choice.as_ref().unwrap();
    assert!(choice.is_firm);
    assert_eq!((choice.batch_size, choice.learning_rate, choice.seeds), (10, 0.1, 3));
    assert_eq!(
        analysis.conclusion.sentences[0].text,
        "Train with batch size 10 at learning rate 0.1: the lowest train-set loss after equal epochs, 0.51 \
         (0.5 to 0.52 over 3 seeds)."
    );
    assert_says(&analysis, SentenceKind::Unknown, "Set a `target`");
}

#[test]
fn among_batch_sizes_not_told_apart_the_one_done_sooner_is_chosen() {
    let analysis =
        analyze(&[row(10, 0.5, 3.0, 3), row(50, 0.505, 1.0, 3), row(100, 0.9, 0.5, 3)].concat(), None);
    let choice = analysis.conclusion.choice.as_ref().unwrap();
    assert_eq!((choice.batch_size, choice.level_with.clone()), (50, vec![10]));
    assert_eq!(
        analysis.conclusion.sentences[0].text,
        "Train with batch size 50 at learning rate 0.1: its train-set loss after equal epochs, 0.515 (0.505 \
         to 0.525 over 3 seeds), is not told apart from the lowest, 0.51 at batch size 10, which took 3.0x as long."
    );
    assert_says(&analysis, SentenceKind::Reason, "No detectable difference to batch size 10");
}

#[test]
fn a_batch_size_done_sooner_is_not_chosen_for_one_lucky_seed() {
    let lucky = |trial: TrialRecord| match (trial.batch_size, trial.learning_rate == 0.1, trial.seed) {
        (50, true, 0) => TrialRecord { train_set_loss: Some(0.505), ..trial },
        _ => trial,
    };
    let trials = [row(10, 0.5, 2.0, 3), row(50, 0.8, 1.0, 3)].concat().into_iter().map(lucky);
    let choice = analyze(&trials.collect::<Vec<_>>(), None).conclusion.choice.unwrap();
    assert_eq!((choice.batch_size, choice.instead_of), (10, None));
    assert_eq!(choice.level_with, [50], "seeds overlap all the same");
}

#[test]
fn many_seeds_are_told_apart_by_the_interval_of_their_median() {
    let analysis = analyze(&[row(10, 0.5, 2.0, 12), row(50, 0.57, 1.0, 12)].concat(), None);
    let choice = analysis.conclusion.choice.as_ref().unwrap();
    // The seeds overlap (0.50 to 0.61, 0.57 to 0.68), their medians do not.
    assert!(choice.level_with.is_empty() && choice.batch_size == 10, "{choice:?}");
    assert_says(&analysis, SentenceKind::Advice, "0.555 (95 % interval 0.5");
}

#[test]
fn one_seed_is_never_a_firm_choice() {
    let analysis = analyze(&[row(10, 0.5, 2.0, 1), row(50, 0.9, 1.0, 1)].concat(), None);
    assert!(!analysis.conclusion.choice.as_ref().unwrap().is_firm);
    assert!(
        analysis.conclusion.sentences[0].text.starts_with("Best so far: batch size 10 at learning rate 0.1")
    );
    assert_says(&analysis, SentenceKind::Advice, "0.5 (one seed)");
    assert_says(
        &analysis,
        SentenceKind::Unknown,
        "whether the differences are more than chance is not known",
    );
}

#[test]
fn a_rate_at_the_edge_is_the_best_so_far_only() {
    let at_edge: Vec<TrialRecord> =
        row(10, 0.5, 2.0, 3).into_iter().filter(|trial| trial.learning_rate < 0.2).collect();
    let analysis = analyze(&at_edge, None);
    assert!(!analysis.conclusion.choice.as_ref().unwrap().is_firm);
    assert_says(
        &analysis,
        SentenceKind::Unknown,
        "0.1 is the largest learning rate that batch size 10 was given",
    );
}

#[test]
fn where_no_rate_was_tuned_there_is_no_choice() {
    let analysis = analyze(&[trial(1, 0.01, 0, 0.7, 1.0), trial(32, 0.01, 0, 0.72, 0.1)], None);
    assert_eq!(analysis.conclusion.choice, None);
    assert!(analysis.conclusion.sentences[0].text.starts_with("This sweep does not say which batch size"));
}

#[test]
fn where_nothing_came_through_it_says_why() {
    let ended = |status| analyze(&[TrialRecord::new(8, 0.1, 0, status)], None).conclusion;
    for (status, said) in [
        (TrialStatus::Diverged, "Try smaller ones"),
        (TrialStatus::Infeasible, "fits in memory"),
        (TrialStatus::Failed, "batchsweep logs"),
        (TrialStatus::Pending, "Nothing to conclude yet"),
    ] {
        let conclusion = ended(status);
        assert_eq!((conclusion.choice, conclusion.sentences.len()), (None, 1));
        assert!(conclusion.sentences[0].text.contains(said), "{:?}", conclusion.sentences);
    }
    assert!(analyze(&[], None).conclusion.sentences[0].text.contains("no trial"));
}

#[test]
fn a_sweep_under_way_says_how_far_it_is() {
    let mut trials = row(10, 0.5, 2.0, 3);
    trials.push(TrialRecord::new(50, 0.1, 0, TrialStatus::Running));
    let analysis = analyze(&trials, None);
    assert!(!analysis.conclusion.choice.as_ref().unwrap().is_firm);
    assert_says(&analysis, SentenceKind::Unknown, "1 of 10 trials have not ended yet");
    assert_says(&analysis, SentenceKind::Unknown, "Batch size 50 has no result: it has not ended yet");
}

/// Steps to a target along `100 + 25600 / B`, and steps of 1 ms + B / 128,000 s.
fn to_target(batch_size: u64, seed: u64) -> TrialRecord {
    let steps = 100 + 25_600 / batch_size + seed;
    let step_seconds = 0.001 + batch_size as f64 / 128_000.0;
    TrialRecord {
        steps: Some(2 * steps),
        examples: Some(2 * steps * batch_size),
        epochs: Some(2.0 * (steps * batch_size) as f64 / 1e6),
        steps_to_target: Some(steps),
        examples_to_target: Some(steps * batch_size),
        seconds_to_target: Some(steps as f64 * step_seconds),
        ..trial(batch_size, 0.1, seed, 0.1, 2.0 * steps as f64 * step_seconds)
    }
}

#[test]
fn with_a_target_the_batch_size_that_is_soonest_there_is_chosen() {
    let sizes = [4u64, 16, 64, 128, 256, 1024, 4096];
    let trials: Vec<TrialRecord> = sizes
        .into_iter()
        .flat_map(|size| (0..3).map(move |seed| to_target(size, seed)))
        .flat_map(|trial| {
            let other = TrialRecord {
                learning_rate: 0.2,
                steps_to_target: None,
                train_set_loss: Some(0.2),
                ..trial.clone()
            };
            let third = TrialRecord { learning_rate: 0.05, ..other.clone() };
            [trial, other, third]
        })
        .collect();
    let analysis = analyze(&trials, None);
    let choice = analysis.conclusion.choice.as_ref().unwrap();
    // B_crit 256 and B_hw 128: least near 181, and as soon at 128 as at 256.
    assert_eq!((choice.basis, choice.batch_size, choice.is_firm), (Basis::SecondsToTarget, 128, true));
    assert_eq!(choice.level_with, [256]);
    assert_says(&analysis, SentenceKind::Advice, "it meets the target soonest, in");
    assert_says(&analysis, SentenceKind::Reason, "The critical batch size, E_min / S_min, is about 25");
    assert_says(&analysis, SentenceKind::Reason, "least near a batch of 18");
    assert!(texts(&analysis, SentenceKind::Unknown).is_empty(), "{:#?}", analysis.conclusion);
}

#[test]
fn a_target_that_is_met_at_once_chooses_nothing() {
    let easy = |trial: TrialRecord, steps: u64| TrialRecord {
        steps_to_target: Some(steps),
        examples_to_target: Some(steps * trial.batch_size),
        seconds_to_target: Some(steps as f64),
        ..trial
    };
    let trials: Vec<TrialRecord> = [row(10, 0.5, 2.0, 3), row(50, 0.9, 1.0, 3)]
        .concat()
        .into_iter()
        .map(|trial| easy(trial.clone(), if trial.learning_rate > 0.1 { 5 } else { 10 }))
        .collect();
    let analysis = analyze(&trials, None);
    let choice = analysis.conclusion.choice.as_ref().unwrap();
    assert!(matches!(choice.basis, Basis::Score(_)) && choice.learning_rate == 0.1, "{choice:?}");
    let stopped = TrainSpec { stop_at_target: true, ..TrainSpec::default() };
    let choice = analyze(&trials, Some(&stopped)).conclusion.choice.unwrap();
    assert!(choice.basis == Basis::SecondsToTarget && !choice.is_firm, "{choice:?}");
}

#[test]
fn a_grid_that_does_not_identify_the_critical_batch_size_says_its_bound() {
    let trials: Vec<TrialRecord> = [4u64, 8, 16, 32]
        .into_iter()
        .flat_map(|size| (0..3).map(move |seed| to_target(size, seed)))
        .collect();
    let two_rates: Vec<TrialRecord> = trials
        .into_iter()
        .flat_map(|trial| [TrialRecord { learning_rate: 0.2, steps_to_target: None, ..trial.clone() }, trial])
        .collect();
    let analysis = analyze(&two_rates, None);
    assert_says(&analysis, SentenceKind::Unknown, "The critical batch size is larger than 32");
}

#[test]
fn another_optimizer_stands_beside_the_choice() {
    let with = |optimizer: &str, trials: Vec<TrialRecord>| -> Vec<TrialRecord> {
        let axes = vec![("optimizer".to_owned(), Value::Word(optimizer.to_owned()))];
        trials.into_iter().map(|trial| TrialRecord { axes: axes.clone(), ..trial }).collect()
    };
    let apart =
        analyze(&[with("sgd", row(10, 0.5, 2.0, 3)), with("adam", row(10, 0.4, 2.0, 3))].concat(), None);
    assert!(apart.conclusion.sentences[0].text.contains("at learning rate 0.1, optimizer adam:"));
    assert_says(&apart, SentenceKind::Reason, "With optimizer sgd, the best is batch size 10");
    assert_says(&apart, SentenceKind::Reason, ": behind it.");
    let level =
        analyze(&[with("sgd", row(10, 0.5, 2.0, 3)), with("adam", row(10, 0.49, 2.0, 3))].concat(), None);
    assert_says(&level, SentenceKind::Reason, "not told apart from it, as seeds overlap");
}

#[test]
fn an_optimizer_that_still_trains_keeps_the_choice_open() {
    let axes = |optimizer: &str| vec![("optimizer".to_owned(), Value::Word(optimizer.to_owned()))];
    let mut trials: Vec<TrialRecord> =
        row(10, 0.5, 2.0, 3).into_iter().map(|trial| TrialRecord { axes: axes("sgd"), ..trial }).collect();
    assert!(analyze(&trials, None).conclusion.choice.unwrap().is_firm);
    trials.push(TrialRecord { axes: axes("adam"), ..TrialRecord::new(10, 0.1, 0, TrialStatus::Pending) });
    let analysis = analyze(&trials, None);
    assert!(!analysis.conclusion.choice.as_ref().unwrap().is_firm);
    assert_says(&analysis, SentenceKind::Unknown, "1 of 10 trials have not ended yet");
}

#[test]
fn a_noise_scale_is_told_as_a_guess_and_of_sgd_only() {
    let with = |optimizer: &str| -> Vec<TrialRecord> {
        let scaled = |trial: TrialRecord| TrialRecord {
            optimizer: optimizer.to_owned(),
            gradient_noise_scale: Some(20.0 * trial.batch_size as f64),
            ..trial
        };
        [row(10, 0.5, 2.0, 3), row(50, 0.9, 1.0, 3)].concat().into_iter().map(scaled).collect()
    };
    assert_says(&analyze(&with("sgd"), None), SentenceKind::Reason, "is 200 to 1000 examples: a guess");
    let adam = analyze(&with("adam"), None);
    assert!(!texts(&adam, SentenceKind::Reason).iter().any(|text| text.contains("noise scale")));
}

#[test]
fn a_batch_that_was_accumulated_says_so() {
    let split = |trial: TrialRecord| TrialRecord {
        micro_batch: Some(25),
        accumulation_steps: Some(2),
        peak_memory_bytes: Some(1 << 20),
        ..trial
    };
    let whole =
        |trial: TrialRecord| TrialRecord { micro_batch: Some(10), accumulation_steps: Some(1), ..trial };
    let trials: Vec<TrialRecord> = row(50, 0.5, 2.0, 3)
        .into_iter()
        .map(split)
        .chain(row(10, 0.9, 1.0, 3).into_iter().map(whole))
        .collect();
    let analysis = analyze(&trials, None);
    assert_says(&analysis, SentenceKind::Reason, "in 2 micro-batches of up to 25 examples");
    assert_says(
        &analysis,
        SentenceKind::Reason,
        "Up to batch size 10 batches were trained whole; from batch size 50 on",
    );
}

fn any_record() -> impl Strategy<Value = TrialRecord> {
    let grid = (1u64..6, 1i32..5, 0u64..3, 0usize..7);
    let numbers = (
        prop::option::of(0.0f64..3.0),
        prop::option::of(1u64..500),
        prop::option::of(1u64..400),
        prop::option::of(0.001f64..50.0),
        1u64..4,
    );
    (grid, numbers).prop_map(|((size, rate, seed, status), (loss, steps, to_target, seconds, split))| {
        let batch_size = 4u64.pow(u32::try_from(size).unwrap());
        TrialRecord {
            train_set_loss: loss,
            steps,
            examples: steps.map(|steps| steps * batch_size),
            epochs: steps.map(|steps| (steps * batch_size) as f64 / 1000.0),
            steps_to_target: to_target,
            examples_to_target: to_target.map(|steps| steps * batch_size),
            seconds_to_target: seconds,
            train_seconds: seconds,
            device: Some("cpu".to_owned()),
            micro_batch: Some(batch_size / split),
            accumulation_steps: Some(split),
            peak_memory_bytes: steps.map(|steps| steps * 1000),
            ..TrialRecord::new(batch_size, 0.1 * 2f64.powi(rate), seed, TrialStatus::ALL[status])
        }
    })
}

proptest! {
    #[test]
    fn whatever_the_trials_something_is_said_and_nothing_is_overclaimed(records in prop::collection::vec(any_record(), 0..25)) {
        let Analysis { conclusion, .. } = analyze(&records, None);
        prop_assert!(!conclusion.sentences.is_empty());
        prop_assert_eq!(conclusion.sentences[0].kind, SentenceKind::Advice);
        for Sentence { text, .. } in &conclusion.sentences {
            prop_assert!(!text.contains("NaN") && !text.contains("inf ") && text.ends_with('.'), "{}", text);
        }
        if let Some(choice) = conclusion.choice {
            prop_assert!(choice.range.contains(choice.value));
            let open = records.iter().any(|record| !record.status.is_terminal());
            prop_assert!(!choice.is_firm || (choice.seeds >= 3 && !open));
        }
    }

    #[test]
    fn the_order_of_the_trials_changes_nothing(records in prop::collection::vec(any_record(), 0..12)) {
        let backwards: Vec<TrialRecord> = records.iter().rev().cloned().collect();
        let (one, other) = (analyze(&records, None), analyze(&backwards, None));
        prop_assert_eq!(one.conclusion.choice, other.conclusion.choice);
    }
}
