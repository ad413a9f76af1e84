//! A straight line through points of unequal weight, by least squares.

/// `y = intercept + slope x`, fitted with weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// At `x = 0`.
    pub intercept: f64,
    /// Per unit of `x`.
    pub slope: f64,
    /// Standard error of the slope if the weights are one over the variances of the points.
    pub slope_error: f64,
    /// Sum of the weighted squared residuals: about the number of points less two where the weights are right.
    pub squares: f64,
    /// How many points.
    pub count: usize,
}

/// One point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weighted {
    /// The abscissa, taken as exact.
    pub x: f64,
    /// The measured ordinate.
    pub y: f64,
    /// One over the variance of `y`, up to a factor.
    pub weight: f64,
}

impl Line {
    /// The line; `None` below two different `x`, and for numbers that are not finite.
    #[must_use]
    pub fn fit(points: &[Weighted]) -> Option<Self> {
        let weight: f64 = points.iter().map(|point| point.weight).sum();
        let mean = |value: fn(&Weighted) -> f64| {
            points.iter().map(|point| point.weight * value(point)).sum::<f64>() / weight
        };
        let (x, y) = (mean(|point| point.x), mean(|point| point.y));
        let over = |value: &dyn Fn(&Weighted) -> f64| {
            points.iter().map(|point| point.weight * value(point)).sum::<f64>()
        };
        let spread = over(&|point| (point.x - x).powi(2));
        let slope = over(&|point| (point.x - x) * (point.y - y)) / spread;
        let intercept = y - slope * x;
        let squares = over(&|point| (point.y - intercept - slope * point.x).powi(2));
        let different = points.iter().any(|point| point.x != points[0].x);
        let finite = [intercept, slope, spread, squares].iter().all(|number| number.is_finite());
        (different && finite).then(|| Self {
            intercept,
            slope,
            slope_error: spread.sqrt().recip(),
            squares,
            count: points.len(),
        })
    }

    /// `y` at an `x`.
    #[must_use]
    pub fn at(&self, x: f64) -> f64 {
        self.intercept + self.slope * x
    }

    /// Half the width of the 95 % interval of the slope: the wider of what the weights say (normal) and what the
    /// scatter of the points says (Student's t). With two points there is no scatter to see.
    #[must_use]
    pub fn slope_margin(&self) -> f64 {
        let by_weights = 1.96 * self.slope_error;
        if self.count < 3 {
            return by_weights;
        }
        let freedom = self.count - 2;
        let scatter = (self.squares / freedom as f64).sqrt();
        by_weights.max(student(freedom) * scatter * self.slope_error)
    }
}

/// The 97.5 percentile of Student's t: tabled up to 20 degrees of freedom, good to 0.002 beyond.
fn student(freedom: usize) -> f64 {
    const TABLE: [f64; 20] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145,
        2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    ];
    let tabled = freedom.checked_sub(1).and_then(|index| TABLE.get(index));
    tabled.copied().unwrap_or(1.96 + 2.5 / freedom as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn points(pairs: &[(f64, f64)]) -> Vec<Weighted> {
        pairs.iter().map(|&(x, y)| Weighted { x, y, weight: 1.0 }).collect()
    }

    #[test]
    fn a_textbook_line_has_its_slope_and_interval() {
        // y = 1, 3, 2, 5: slope 1.1, residual sum of squares 2.7, standard error 0.5196.
        let line = Line::fit(&points(&[(0.0, 1.0), (1.0, 3.0), (2.0, 2.0), (3.0, 5.0)])).unwrap();
        assert!((line.slope - 1.1).abs() < 1e-12 && (line.intercept - 1.1).abs() < 1e-12);
        assert!((line.squares - 2.7).abs() < 1e-12);
        assert!((line.slope_margin() - 4.303 * 0.519_615).abs() < 1e-3);
        assert!((line.at(3.0) - 4.4).abs() < 1e-12);
    }

    #[test]
    fn the_interval_is_never_narrower_than_the_points_are_known() {
        // On one line by chance, but each good to 2 only.
        let rough: Vec<Weighted> =
            (0..3).map(|x| Weighted { x: f64::from(x), y: f64::from(x), weight: 0.25 }).collect();
        assert!((Line::fit(&rough).unwrap().slope_margin() - 1.96 * 2.0 / 2f64.sqrt()).abs() < 1e-9);
        assert!(Line::fit(&points(&[(0.0, 0.0), (1.0, 1.0)])).unwrap().slope_margin() > 1.0);
    }

    #[test]
    fn points_above_each_other_give_no_line() {
        assert_eq!(Line::fit(&points(&[(1.0, 1.0), (1.0, 2.0)])), None);
        assert_eq!(Line::fit(&points(&[(1.0, 1.0)])), None);
        assert_eq!(Line::fit(&points(&[(0.0, 1.0), (1.0, f64::INFINITY)])), None);
        assert_eq!(Line::fit(&[]), None);
    }

    #[test]
    fn quantiles_of_student_fall_to_the_normal_one() {
        assert_eq!((student(1), student(20)), (12.706, 2.086));
        assert!((student(30) - 2.042).abs() < 0.002 && (student(120) - 1.980).abs() < 0.002);
    }

    proptest! {
        #[test]
        fn a_line_is_found_again_whatever_the_weights(
            intercept in -100f64..100.0, slope in -100f64..100.0, weights in prop::collection::vec(0.01f64..100.0, 3..10),
        ) {
            let points: Vec<Weighted> = weights.iter().enumerate().map(|(index, &weight)| {
                let x = index as f64;
                Weighted { x, y: intercept + slope * x, weight }
            }).collect();
            let line = Line::fit(&points).unwrap();
            prop_assert!((line.slope - slope).abs() < 1e-8 && (line.intercept - intercept).abs() < 1e-8);
        }
    }
}
