//! Values on a logarithmic axis as tiles that meet halfway.

/// The lower and upper end of each value's tile, for distinct positive values in rising order. A tile reaches halfway (in
/// ratio) to its neighbour, but no further than half again the usual such distance: a value far from the others leaves a
/// gap rather than claim what lies between.
#[must_use]
pub fn tiles(values: &[f64]) -> Vec<(f64, f64)> {
    /// Half the distance to assume around a single value, as a ratio.
    const ALONE: f64 = 1.5;
    let ratios: Vec<f64> = values.windows(2).map(|pair| (pair[1] / pair[0]).sqrt()).collect();
    let mut sorted = ratios.clone();
    sorted.sort_by(f64::total_cmp);
    let usual = sorted.get(sorted.len().saturating_sub(1) / 2).copied();
    let most = usual.map_or(ALONE, |usual| usual.powf(1.5));
    (0..values.len())
        .map(|index| {
            let below = index.checked_sub(1).and_then(|below| ratios.get(below)).copied();
            let above = ratios.get(index).copied();
            let (below, above) = (below.or(above).unwrap_or(ALONE), above.or(below).unwrap_or(ALONE));
            (values[index] / below.min(most), values[index] * above.min(most))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn even_values_meet_halfway_and_far_ones_leave_a_gap() {
        assert_eq!(tiles(&[1.0, 4.0, 16.0]), [(0.5, 2.0), (2.0, 8.0), (8.0, 32.0)]);
        let far = tiles(&[1.0, 4.0, 4096.0]);
        assert!(far[1].1 < far[2].0, "{far:?}");
        assert_eq!(tiles(&[32.0]), [(32.0 / 1.5, 48.0)]);
        assert!(tiles(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn tiles_hold_their_value_and_do_not_overlap(
            exponents in prop::collection::btree_set(-20i32..40, 1..12),
        ) {
            let values: Vec<f64> = exponents.into_iter().map(|exponent| 2f64.powi(exponent)).collect();
            let tiles = tiles(&values);
            prop_assert!(values.iter().zip(&tiles).all(|(value, tile)| tile.0 < *value && *value < tile.1));
            prop_assert!(tiles.windows(2).all(|pair| pair[0].1 <= pair[1].0 * (1.0 + 1e-12)));
        }
    }
}
