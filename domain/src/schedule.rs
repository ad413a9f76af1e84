//! How the learning rate moves over a trial's optimizer steps.

use std::f64::consts::PI;

use crate::spec::ScheduleKind;

/// The factor on the learning rate at optimizer step `step` (from 1) of `total` steps, in [0, 1].
///
/// Over the first `warmup_steps` it rises linearly, `step / warmup_steps` (Goyal et al. 2017); then it stays
/// (constant), or falls so that it would reach 0 one step after the last: linearly, or along half a cosine
/// (Loshchilov & Hutter 2017, without restarts).
#[must_use]
pub fn factor(kind: ScheduleKind, warmup_steps: u64, step: u64, total: u64) -> f64 {
    if step <= warmup_steps {
        return step as f64 / warmup_steps as f64;
    }
    let length = total.saturating_sub(warmup_steps).max(1);
    let done = (step - warmup_steps - 1) as f64 / length as f64;
    match kind {
        ScheduleKind::Constant => 1.0,
        ScheduleKind::Linear => 1.0 - done,
        ScheduleKind::Cosine => 0.5 * (1.0 + (PI * done).cos()),
    }
    .clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn factors(kind: ScheduleKind, warmup: u64) -> Vec<f64> {
        (1..=4 + warmup).map(|step| factor(kind, warmup, step, 4 + warmup)).collect()
    }

    #[test]
    fn each_schedule_starts_at_full_height() {
        assert_eq!(factors(ScheduleKind::Constant, 0), [1.0; 4]);
        assert_eq!(factors(ScheduleKind::Linear, 0), [1.0, 0.75, 0.5, 0.25]);
        let cosine = factors(ScheduleKind::Cosine, 0);
        assert_eq!((cosine[0], cosine[2]), (1.0, 0.5));
    }

    #[test]
    fn warm_up_rises_to_full_height_and_the_schedule_follows() {
        assert_eq!(factors(ScheduleKind::Linear, 4), [0.25, 0.5, 0.75, 1.0, 1.0, 0.75, 0.5, 0.25]);
    }

    proptest! {
        #[test]
        fn the_factor_stays_within_0_and_1(warmup in 0u64..50, step in 1u64..200, total in 1u64..100) {
            for (_, kind) in ScheduleKind::ALL {
                prop_assert!((0.0..=1.0).contains(&factor(kind, warmup, step, total)));
            }
        }
    }
}
