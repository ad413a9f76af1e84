//! Mean and standard deviation of each channel, in one pass over the examples.

use super::column::{Column, Storage};

/// Mean and spread of some numbers.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Moments {
    count: f64,
    pub mean: f64,
    /// Sum of squared differences from the mean.
    squares: f64,
}

impl Moments {
    fn of(numbers: &[f64]) -> Self {
        let count = numbers.len() as f64;
        let mean = numbers.iter().sum::<f64>() / count;
        let squares = numbers.iter().map(|number| (number - mean).powi(2)).sum();
        Self { count, mean, squares }
    }

    /// Of the numbers of both: Chan, Golub and LeVeque, "Algorithms for computing the sample variance" (1983), which
    /// does not subtract large sums from each other.
    fn and(self, other: Self) -> Self {
        let count = self.count + other.count;
        let difference = other.mean - self.mean;
        Self {
            count,
            mean: self.mean + difference * (other.count / count),
            squares: self.squares
                + other.squares
                + difference * difference * (self.count * other.count / count),
        }
    }

    /// Of bytes, from how often each of them occurs: exact sums.
    fn of_bytes(occurrences: &[u64; 256]) -> Self {
        let sum_of = |term: fn(u128) -> u128| -> u128 {
            occurrences.iter().zip(0..).map(|(&times, byte)| u128::from(times) * term(byte)).sum()
        };
        let (count, sum, squares) = (sum_of(|_| 1), sum_of(|byte| byte), sum_of(|byte| byte * byte));
        let scaled = count * squares - sum * sum;
        Self { count: count as f64, mean: sum as f64 / count as f64, squares: scaled as f64 / count as f64 }
    }

    /// The standard deviation of these numbers themselves (divided by their count).
    pub fn deviation(self) -> f64 {
        (self.squares / self.count).sqrt()
    }
}

/// The moments of each of `channels` equal parts of an example over the first `examples` examples of `row` numbers.
pub(super) fn by_channel(inputs: &Column, examples: usize, row: usize, channels: usize) -> Vec<Moments> {
    let plane = row / channels * inputs.storage.size();
    let rows = inputs.bytes.chunks_exact(plane * channels).take(examples);
    if inputs.storage == Storage::U8 {
        let mut occurrences = vec![[0; 256]; channels];
        for row in rows {
            for (counts, plane) in occurrences.iter_mut().zip(row.chunks_exact(plane)) {
                plane.iter().for_each(|&byte| counts[usize::from(byte)] += 1);
            }
        }
        return occurrences.iter().map(Moments::of_bytes).collect();
    }
    let mut moments = vec![Moments::default(); channels];
    let mut numbers = Vec::new();
    for row in rows {
        for (moments, plane) in moments.iter_mut().zip(row.chunks_exact(plane)) {
            numbers.clear();
            Column::decode(inputs.storage, plane, &mut numbers);
            *moments = moments.and(Moments::of(&numbers));
        }
    }
    moments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(numbers: &[f32]) -> Column {
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        Column { storage: Storage::F32, shape: vec![], bytes }
    }

    #[test]
    fn bytes_are_summed_exactly() {
        let bytes: Vec<u8> = (0..240u32).map(|index| (index * index % 251) as u8).collect();
        let inputs = Column { storage: Storage::U8, shape: vec![], bytes: bytes.clone() };
        // 20 examples of 3 channels of 4 numbers, the last 5 of them not looked at.
        let found = by_channel(&inputs, 15, 12, 3);
        for (channel, moments) in found.iter().enumerate() {
            let numbers: Vec<f64> = (0..180)
                .filter(|index| index / 4 % 3 == channel)
                .map(|index| f64::from(bytes[index]))
                .collect();
            let mean = numbers.iter().sum::<f64>() / 60.0;
            let variance = numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / 60.0;
            assert!((moments.mean - mean).abs() < 1e-12);
            assert!((moments.deviation() - variance.sqrt()).abs() < 1e-12);
        }
    }

    #[test]
    fn a_small_spread_around_a_large_mean_is_not_lost() {
        // Exact in float32; the squares of these numbers differ in their 14th digit only.
        let numbers: Vec<f32> =
            (0..4000).map(|index| 1e6 + if index % 2 == 0 { 0.125 } else { -0.125 }).collect();
        let [moments] = by_channel(&floats(&numbers), 1000, 4, 1)[..] else { panic!("one channel") };
        assert_eq!((moments.mean, moments.deviation()), (1e6, 0.125));
    }

    #[test]
    fn examples_weigh_as_many_numbers_as_they_hold() {
        let [first, second] = by_channel(&floats(&[1.0, 3.0, 10.0, 20.0, 5.0, 5.0, 30.0, 40.0]), 2, 4, 2)[..]
        else {
            panic!("two channels")
        };
        assert_eq!((first.mean, second.mean), (3.5, 25.0));
        assert!((first.deviation() - (11.0f64 / 4.0).sqrt()).abs() < 1e-12);
        assert!((second.deviation() - 125f64.sqrt()).abs() < 1e-12);
    }
}
