//! Least squares with a prior: few points must give a usable shape, many must overrule what was assumed.

/// A linear model fitted to points.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ridge<const N: usize> {
    pub(super) coefficients: [f64; N],
    /// Cholesky's factor of the normal equations, below and on the diagonal.
    factor: [[f64; N]; N],
}

impl<const N: usize> Ridge<N> {
    /// The coefficients that minimise `sum (y - x . c)^2 + sum weight (c - prior)^2` (ridge regression, Hoerl & Kennard
    /// 1970). `None` where the normal equations cannot be solved.
    pub(super) fn fit(points: &[([f64; N], f64)], prior: [f64; N], weight: [f64; N]) -> Option<Self> {
        let mut matrix = [[0.0; N]; N];
        let mut right = [0.0; N];
        for (x, y) in points {
            let rest = y - dot(x, &prior);
            for row in 0..N {
                right[row] += x[row] * rest;
                for column in 0..N {
                    matrix[row][column] += x[row] * x[column];
                }
            }
        }
        for place in 0..N {
            matrix[place][place] += weight[place];
        }
        let factor = cholesky(matrix)?;
        let change = backward(&factor, forward(&factor, right));
        Some(Self { coefficients: std::array::from_fn(|place| prior[place] + change[place]), factor })
    }

    /// What it expects at `x`.
    pub(super) fn at(&self, x: &[f64; N]) -> f64 {
        dot(x, &self.coefficients)
    }

    /// The variance of what it expects at `x`, in variances of one point around it: `x' (X'X + W)^-1 x`.
    pub(super) fn variance(&self, x: &[f64; N]) -> f64 {
        let half = forward(&self.factor, *x);
        dot(&half, &half)
    }

    /// The sum of squares that is left around it.
    pub(super) fn rest(&self, points: &[([f64; N], f64)]) -> f64 {
        points.iter().map(|(x, y)| (y - self.at(x)).powi(2)).sum()
    }
}

fn dot<const N: usize>(left: &[f64; N], right: &[f64; N]) -> f64 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

/// The lower factor of a symmetric, positive definite matrix.
fn cholesky<const N: usize>(mut matrix: [[f64; N]; N]) -> Option<[[f64; N]; N]> {
    for row in 0..N {
        for column in 0..=row {
            let inner: f64 = (0..column).map(|place| matrix[row][place] * matrix[column][place]).sum();
            let rest = matrix[row][column] - inner;
            if row == column {
                // Also refuses what is not a number.
                if !(rest > 0.0 && rest.is_finite()) {
                    return None;
                }
                matrix[row][row] = rest.sqrt();
            } else {
                matrix[row][column] = rest / matrix[column][column];
            }
        }
    }
    Some(matrix)
}

fn forward<const N: usize>(factor: &[[f64; N]; N], mut right: [f64; N]) -> [f64; N] {
    for row in 0..N {
        let inner: f64 = (0..row).map(|place| factor[row][place] * right[place]).sum();
        right[row] = (right[row] - inner) / factor[row][row];
    }
    right
}

fn backward<const N: usize>(factor: &[[f64; N]; N], mut right: [f64; N]) -> [f64; N] {
    for row in (0..N).rev() {
        let inner: f64 = (row + 1..N).map(|place| factor[place][row] * right[place]).sum();
        right[row] = (right[row] - inner) / factor[row][row];
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_through_three_points_is_found() {
        let points = [([1.0, 0.0], 1.0), ([1.0, 1.0], 3.0), ([1.0, 2.0], 5.0)];
        let line = Ridge::fit(&points, [0.0; 2], [1e-12; 2]).unwrap();
        let [offset, slope] = line.coefficients;
        assert!((offset - 1.0).abs() < 1e-9 && (slope - 2.0).abs() < 1e-9);
        assert!(line.rest(&points) < 1e-12);
        // At the middle of three points a mean is known to a third of the variance of each.
        assert!((line.variance(&[1.0, 1.0]) - 1.0 / 3.0).abs() < 1e-9);
        assert!((line.at(&[1.0, 3.0]) - 7.0).abs() < 1e-9);
    }

    #[test]
    fn without_points_the_prior_is_all_that_is_known() {
        let prior = Ridge::fit(&[], [3.0, -1.0], [1.0; 2]).unwrap();
        assert_eq!(prior.coefficients, [3.0, -1.0]);
        assert_eq!(Ridge::<1>::fit(&[], [3.0], [0.0]), None);
        assert_eq!(Ridge::fit(&[([f64::NAN], 1.0)], [0.0], [1.0]), None);
    }

    proptest! {
        #[test]
        fn a_parabola_is_recovered(offset in -5f64..5.0, slope in -5f64..5.0, bend in -5f64..5.0) {
            let points: Vec<_> = (-3..=3).map(f64::from)
                .map(|x| ([1.0, x, x * x], offset + slope * x + bend * x * x)).collect();
            let found = Ridge::fit(&points, [0.0; 3], [1e-9; 3]).unwrap().coefficients;
            for (found, wanted) in found.into_iter().zip([offset, slope, bend]) {
                prop_assert!((found - wanted).abs() < 1e-6);
            }
        }
    }
}
