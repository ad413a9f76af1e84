//! What a sweep comes to, in sentences for a terminal.

use domain::analysis::{Conclusion, SentenceKind};

use crate::sheet::Look;
use crate::wrap::wrap;

/// The advice first, bold where there is colour; then the reasons; then, under a heading of their own, what is not
/// known.
#[must_use]
pub fn render(conclusion: &Conclusion, look: Look) -> String {
    let of = |kind| conclusion.sentences.iter().filter(move |sentence| sentence.kind == kind);
    let mut out = String::new();
    for sentence in of(SentenceKind::Advice) {
        let text = wrap(&sentence.text, look.width, 0);
        match text.strip_suffix('\n').filter(|_| look.color) {
            Some(lines) => out.push_str(&format!("\x1b[1m{lines}\x1b[0m\n")),
            None => out.push_str(&text),
        }
    }
    let point = |text: &str| wrap(&format!("- {text}"), look.width, 2);
    out.extend(of(SentenceKind::Reason).map(|sentence| point(&sentence.text)));
    let unknown: Vec<String> = of(SentenceKind::Unknown).map(|sentence| point(&sentence.text)).collect();
    if !unknown.is_empty() {
        out.push_str("Not known:\n");
        out.extend(unknown);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::analysis::{TrialRecord, analyze};
    use domain::lifecycle::TrialStatus;

    #[test]
    fn advice_reasons_and_what_is_not_known_stand_apart() {
        let trial = |rate: f64, loss: f64| TrialRecord {
            train_set_loss: Some(loss),
            ..TrialRecord::new(32, rate, 0, TrialStatus::Succeeded)
        };
        let analysis = analyze(&[trial(0.1, 0.5), trial(0.2, 0.49)], None);
        insta::assert_snapshot!(render(&analysis.conclusion, Look { width: Some(60), color: false }), @"
        Best so far: batch size 32 at learning rate 0.2: the lowest
        train-set loss, 0.49 (one seed).
        - Learning rates from 0.1 to 0.2 do about as well there
          (within 1.1 times its median).
        Not known:
        - With one seed a cell, whether the differences are more
          than chance is not known. Repeat with `seed = [0, 1, 2]`.
        - 0.2 is the largest learning rate that batch size 32 was
          given: larger ones may be better. Extend the grid there.
        ");
        assert!(
            render(&analysis.conclusion, Look { width: None, color: true })
                .starts_with("\x1b[1mBest so far:")
        );
    }
}
