//! From an array's numbers of any type to a column, and what the numbers of targets are.

use domain::problem::TargetValues;

use super::{NumberType, Reading};
use crate::trainer::data::column::{Column, Storage};
use crate::trainer::data::seen::Seen;

/// The numbers as they are kept. Only integers of other widths than a byte are widened.
pub(super) fn column(mut reading: Reading) -> Result<Column, String> {
    let (storage, bytes) = match reading.train.numbers {
        NumberType::F16 => (Storage::F16, std::mem::take(&mut reading.bytes)),
        NumberType::BF16 => (Storage::BF16, std::mem::take(&mut reading.bytes)),
        NumberType::F32 => (Storage::F32, std::mem::take(&mut reading.bytes)),
        NumberType::F64 => (Storage::F64, std::mem::take(&mut reading.bytes)),
        NumberType::U8 => (Storage::U8, std::mem::take(&mut reading.bytes)),
        NumberType::Bool => (Storage::Bool, std::mem::take(&mut reading.bytes)),
        integers => (Storage::I64, widened(integers, &reading)?),
    };
    let shape = reading.train.of_an_example().iter().map(|&size| size as u64).collect();
    let column = Column { storage, shape, bytes };
    if let Some(place) = column.first_not_finite() {
        let place = reading.row_of(place);
        return Err(format!("{place} holds a number that is infinite or not a number"));
    }
    Ok(column)
}

/// What the targets in a column are.
pub(super) fn values(column: &Column) -> TargetValues {
    let mut seen = Seen::default();
    seen.add(column);
    seen.values(column.storage)
}

/// Integers of any type in 64 bits.
fn widened(of: NumberType, reading: &Reading) -> Result<Vec<u8>, String> {
    let number = |b: &[u8]| -> Option<i64> {
        Some(match (of, b) {
            (NumberType::Bool | NumberType::U8, &[b]) => b.into(),
            (NumberType::I8, &[b]) => b.cast_signed().into(),
            (NumberType::U16, &[a, b]) => u16::from_le_bytes([a, b]).into(),
            (NumberType::I16, &[a, b]) => i16::from_le_bytes([a, b]).into(),
            (NumberType::U32, &[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]).into(),
            (NumberType::I32, &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]).into(),
            (NumberType::U64, b) => i64::try_from(u64::from_le_bytes(b.try_into().ok()?)).ok()?,
            (NumberType::I64, b) => i64::from_le_bytes(b.try_into().ok()?),
            _ => return None,
        })
    };
    let width = of.size();
    let mut wide = Vec::with_capacity(reading.bytes.len() / width * 8);
    for (place, bytes) in reading.bytes.chunks_exact(width).enumerate() {
        let number = number(bytes)
            .ok_or_else(|| format!("{} holds an integer over 2^63 - 1", reading.row_of(place)))?;
        wide.extend(number.to_le_bytes());
    }
    Ok(wide)
}

impl NumberType {
    /// Bytes of one number.
    pub(super) fn size(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 | Self::BF16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::problem::Integers;

    use super::super::Array;
    use super::*;

    fn reading(numbers: NumberType, example: &[usize], bytes: Vec<u8>) -> Reading {
        let rows = bytes.len() / numbers.size() / example.iter().product::<usize>().max(1);
        let shape = [&[rows], example].concat();
        let train = Array { name: "train_y".to_owned(), numbers, shape, bytes: bytes.len() };
        Reading { train, validation: None, bytes }
    }

    fn of(reading: Reading) -> Result<(Column, TargetValues), String> {
        let column = column(reading)?;
        let values = values(&column);
        Ok((column, values))
    }

    #[test]
    fn every_integer_type_is_read() {
        for (numbers, bytes) in [
            (NumberType::Bool, vec![1, 0]),
            (NumberType::U8, vec![1, 0]),
            (NumberType::I8, vec![1, 0]),
            (NumberType::U16, [1u16, 0].map(u16::to_le_bytes).concat()),
            (NumberType::I16, [1i16, 0].map(i16::to_le_bytes).concat()),
            (NumberType::U32, [1u32, 0].map(u32::to_le_bytes).concat()),
            (NumberType::I32, [1i32, 0].map(i32::to_le_bytes).concat()),
            (NumberType::U64, [1u64, 0].map(u64::to_le_bytes).concat()),
            (NumberType::I64, [1i64, 0].map(i64::to_le_bytes).concat()),
        ] {
            let (column, values) = of(reading(numbers, &[], bytes)).unwrap();
            assert_eq!(column.integers().collect::<Vec<_>>(), [1, 0], "{numbers:?}");
            let expected = Integers { least: 0, largest: 1, different: 2, ignored: 0 };
            assert_eq!(values, TargetValues::Integers(expected));
        }
        let large =
            of(reading(NumberType::U64, &[], [0, u64::MAX].map(u64::to_le_bytes).concat())).unwrap_err();
        assert_eq!(large, "train_y[1] holds an integer over 2^63 - 1");
    }

    #[test]
    fn ignored_positions_are_counted_apart() {
        let bytes = [3i64, -100, 7, -100].map(i64::to_le_bytes).concat();
        let (column, values) = of(reading(NumberType::I64, &[2], bytes)).unwrap();
        assert_eq!(column.shape, [2]);
        let expected = Integers { least: 3, largest: 7, different: 2, ignored: 2 };
        assert_eq!(values, TargetValues::Integers(expected));
    }

    #[test]
    fn numbers_are_kept_in_their_type() {
        let half: Vec<u8> = vec![0x00, 0x3c, 0x00, 0x00];
        let (column, values) = of(reading(NumberType::F16, &[1], half)).unwrap();
        assert_eq!((column.storage, column.shape.len(), column.bytes.len()), (Storage::F16, 1, 4));
        assert_eq!(values, TargetValues::Numbers { all_0_or_1: true });
        let doubles = [0.5f64, f64::NAN].map(f64::to_le_bytes).concat();
        let refusal = of(reading(NumberType::F64, &[], doubles)).unwrap_err();
        assert_eq!(refusal, "train_y[1] holds a number that is infinite or not a number");
    }

    #[test]
    fn targets_keep_their_shape_and_bytes_for_a_loss_of_the_models_own() {
        let (column, values) = of(reading(NumberType::Bool, &[1, 1], vec![1, 0])).unwrap();
        assert_eq!((column.storage, &column.shape[..]), (Storage::Bool, &[1, 1][..]));
        let expected = Integers { least: 0, largest: 1, different: 2, ignored: 0 };
        assert_eq!(values, TargetValues::Integers(expected));
    }
}
