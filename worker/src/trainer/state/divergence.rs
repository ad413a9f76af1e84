//! When a trial has lost its way.

/// Watches step losses: a loss that is not finite, or a smoothed loss over four times the loss at the start, where that was
/// positive, ends the trial as diverged.
#[derive(Debug, Clone)]
pub struct Divergence {
    /// Mean loss of the untrained model.
    pub(super) start: f64,
    /// Share of the smoothed loss that a step keeps.
    keep: f64,
    pub(super) smoothed: f64,
    pub(super) weight: f64,
    pub(super) steps: u64,
    window: u64,
}

/// How far above its start a loss may be.
const FACTOR: f64 = 4.0;

/// A step's loss is smoothed over about so many examples, at least over [`LEAST_STEPS`] steps.
const EXAMPLES: u64 = 256;
const LEAST_STEPS: u64 = 8;

impl Divergence {
    /// `start` is the mean loss of the untrained model.
    #[must_use]
    pub fn new(start: f64, batch_size: u64) -> Self {
        let window = (EXAMPLES / batch_size.max(1)).max(LEAST_STEPS);
        Self { start, keep: 1.0 - 1.0 / window as f64, smoothed: 0.0, weight: 0.0, steps: 0, window }
    }

    /// Takes a step's loss, and says why the trial has diverged if it has.
    pub fn after_step(&mut self, loss: f64) -> Option<String> {
        if !loss.is_finite() {
            return Some("the loss is no longer a finite number".to_owned());
        }
        // An exponential moving average, corrected for its start at 0 as Adam's moments are.
        self.smoothed = self.keep * self.smoothed + (1.0 - self.keep) * loss;
        self.weight = self.keep * self.weight + (1.0 - self.keep);
        self.steps += 1;
        if self.steps < self.window { None } else { self.too_high(self.smoothed / self.weight) }
    }

    /// Takes a mean loss over many examples, and says why the trial has diverged if it has.
    #[must_use]
    pub fn at_evaluation(&self, loss: f64) -> Option<String> {
        if loss.is_finite() {
            self.too_high(loss)
        } else {
            Some("the loss is no longer a finite number".to_owned())
        }
    }

    fn too_high(&self, loss: f64) -> Option<String> {
        // Of a loss that may be negative, as a log-likelihood may, a multiple means nothing.
        (self.start > 0.0 && loss > FACTOR * self.start).then(|| {
            let (loss, start) = (told(loss), told(self.start));
            format!("the loss rose to {loss}, over {FACTOR} times the {start} before the first step")
        })
    }
}

/// A loss that runs away soon has more digits than anybody reads.
fn told(loss: f64) -> String {
    if loss < 1e6 { format!("{loss:.4}") } else { format!("{loss:.2e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_alarm(losses: impl IntoIterator<Item = f64>, batch_size: u64) -> Option<usize> {
        let mut watch = Divergence::new(1.0, batch_size);
        losses.into_iter().position(|loss| watch.after_step(loss).is_some())
    }

    #[test]
    fn a_loss_that_is_not_finite_ends_the_trial_at_once() {
        assert_eq!(first_alarm([1.0, f64::NAN], 1), Some(1));
        assert_eq!(first_alarm([1.0, f64::INFINITY], 512), Some(1));
    }

    #[test]
    fn a_single_high_step_does_not_but_staying_high_does() {
        let spike = (0..100).map(|step| if step == 50 { 20.0 } else { 1.0 });
        assert_eq!(first_alarm(spike, 128), None);
        assert_eq!(first_alarm((0..100).map(|_| 5.0), 128), Some(7));
        let noisy = (0..1000).map(|step| if step % 8 == 0 { 20.0 } else { 0.5 });
        assert_eq!(first_alarm(noisy, 1), None);
    }

    #[test]
    fn an_evaluation_far_above_the_start_says_so_in_words() {
        let watch = Divergence::new(0.7, 1024);
        assert_eq!(watch.at_evaluation(2.7), None);
        let reason = watch.at_evaluation(2.9).unwrap();
        assert_eq!(reason, "the loss rose to 2.9000, over 4 times the 0.7000 before the first step");
        let reason = watch.at_evaluation(1.234_567e29).unwrap();
        assert_eq!(reason, "the loss rose to 1.23e29, over 4 times the 0.7000 before the first step");
    }

    #[test]
    fn a_loss_that_starts_below_0_diverges_only_where_it_is_no_number() {
        let mut watch = Divergence::new(-1.5, 1024);
        assert!((0..100).all(|step| watch.after_step(f64::from(step) / 10.0 - 1.5).is_none()));
        assert_eq!(watch.at_evaluation(3.0), None);
        assert!(watch.after_step(f64::INFINITY).is_some());
    }
}
