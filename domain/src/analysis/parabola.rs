//! The lowest point of a parabola through three points: where the optimum lies between the learning rates tried.

/// A measured point and its standard error, where there is one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// The abscissa, taken as exact.
    pub x: f64,
    /// The measured ordinate.
    pub y: f64,
    /// Standard error of `y`.
    pub error: Option<f64>,
}

/// The lowest point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Vertex {
    /// The abscissa at which the parabola is lowest.
    pub x: f64,
    /// Standard error of `x`, from those of the three points to first order; `None` where one of them has none.
    pub error: Option<f64>,
}

/// The vertex of the parabola through three points, ordered by `x`. `None` where the middle one is not the lowest
/// or the three lie on a line: then the lowest point is outside, or nowhere. It lies within half a gap of the
/// middle one.
///
/// By divided differences: with slopes `s1`, `s2` of the two chords and the curvature `c = (s2 - s1) / (x2 - x0)`,
/// `x = (x0 + x1) / 2 - s1 / (2 c)`.
#[must_use]
pub fn vertex(points: [Measured; 3]) -> Option<Vertex> {
    let [left, middle, right] = points;
    let (gap_1, gap_2) = (middle.x - left.x, right.x - middle.x);
    let (slope_1, slope_2) = ((middle.y - left.y) / gap_1, (right.y - middle.y) / gap_2);
    let width = right.x - left.x;
    let curvature = (slope_2 - slope_1) / width;
    let bracketed = middle.y <= left.y && middle.y <= right.y;
    if !(bracketed && gap_1 > 0.0 && gap_2 > 0.0 && curvature > 0.0 && curvature.is_finite()) {
        return None;
    }
    let x = f64::midpoint(left.x, middle.x) - slope_1 / (2.0 * curvature);
    // How slopes and curvature, and so the vertex, move with each of the three values.
    let of_slope_1 = [-1.0 / gap_1, 1.0 / gap_1, 0.0];
    let of_slope_2 = [0.0, -1.0 / gap_2, 1.0 / gap_2];
    let variance =
        points.iter().zip(of_slope_1).zip(of_slope_2).try_fold(0.0, |sum, ((point, first), second)| {
            let of_curvature = (second - first) / width;
            let of_vertex = (slope_1 * of_curvature / curvature - first) / (2.0 * curvature);
            Some(sum + (of_vertex * point.error?).powi(2))
        });
    Some(Vertex { x, error: variance.map(f64::sqrt) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(x: f64, y: f64) -> Measured {
        Measured { x, y, error: None }
    }

    #[test]
    fn the_vertex_of_a_known_parabola() {
        // y = (x - 1.25)^2
        let of = |x: f64| at(x, (x - 1.25).powi(2));
        let found = vertex([of(0.0), of(1.0), of(2.0)]).unwrap();
        assert!((found.x - 1.25).abs() < 1e-12);
        assert_eq!(found.error, None);
        // Unequal gaps, as learning rates typed by hand have.
        assert!((vertex([of(-1.0), of(1.0), of(1.75)]).unwrap().x - 1.25).abs() < 1e-12);
    }

    #[test]
    fn errors_of_the_points_become_one_of_the_vertex() {
        // y = x^2 at -1, 0, 1: the vertex moves by (y_left - y_right) / 4, so sqrt(2) / 4 of their error.
        let of = |x: f64| Measured { x, y: x * x, error: Some(0.1) };
        let found = vertex([of(-1.0), of(0.0), of(1.0)]).unwrap();
        assert!((found.error.unwrap() - 0.1 * 2f64.sqrt() / 4.0).abs() < 1e-12);
    }

    #[test]
    fn a_lowest_point_at_the_end_has_no_vertex() {
        assert_eq!(vertex([at(0.0, 1.0), at(1.0, 2.0), at(2.0, 3.0)]), None);
        assert_eq!(vertex([at(0.0, 1.0), at(1.0, 1.0), at(2.0, 1.0)]), None);
        assert_eq!(vertex([at(0.0, f64::INFINITY), at(1.0, 1.0), at(2.0, 2.0)]), None);
    }

    proptest! {
        #[test]
        fn the_vertex_stays_within_half_a_gap_of_the_middle(
            left in 0f64..10.0, right in 0f64..10.0, gap_1 in 0.1f64..5.0, gap_2 in 0.1f64..5.0,
        ) {
            prop_assume!(left > 0.0 || right > 0.0);
            let points = [at(-gap_1, left), at(0.0, 0.0), at(gap_2, right)];
            if let Some(found) = vertex(points) {
                prop_assert!(found.x >= -gap_1 / 2.0 - 1e-9 && found.x <= gap_2 / 2.0 + 1e-9);
            }
        }
    }
}
