//! From scores to shades.

use domain::analysis::Cell;

/// From scores to shades: by the logarithm of the score over the best one, up to four times it; evenly where the best is not
/// above 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    best: f64,
    worst: f64,
}

impl Scale {
    /// Of these cells.
    pub(crate) fn of<'a>(cells: impl Iterator<Item = &'a Cell> + Clone) -> Self {
        let scores = || cells.clone().filter_map(|cell| cell.median);
        let best = scores().fold(f64::INFINITY, f64::min);
        let worst = scores().fold(best, f64::max);
        Self { best, worst: if best > 0.0 { worst.min(4.0 * best) } else { worst } }
    }

    /// 0 for the best to 9 for the worst.
    pub(crate) fn step(&self, score: f64) -> usize {
        let Self { best, worst } = *self;
        let share = if best > 0.0 {
            (score / best).ln() / (worst / best).ln()
        } else {
            (score - best) / (worst - best)
        };
        // Nothing to distinguish where all scores are equal, or zero.
        if share.is_finite() { (share.clamp(0.0, 1.0) * 9.99) as usize } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_below_0_are_shaded_too() {
        let scale = Scale { best: -2.0, worst: 2.0 };
        assert_eq!([-2.0, 0.0, 2.0].map(|score| scale.step(score)), [0, 4, 9]);
        let scale = Scale { best: 0.1, worst: 0.4 };
        assert_eq!([0.1, 0.2, 0.4, 9.0].map(|score| scale.step(score)), [0, 4, 9, 9]);
        let scale = Scale { best: 0.0, worst: 0.0 };
        assert_eq!(scale.step(0.0), 0);
    }
}
