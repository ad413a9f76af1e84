//! Numbers in host memory, in the type of their file, one example a row.

use std::fmt;

use domain::problem::InputNumbers;
use tch::Kind;

#[cfg(target_endian = "big")]
compile_error!("the files are little-endian, and their numbers are used as they are");

/// Numbers as stored, one example after another.
#[derive(Clone, PartialEq, Eq)]
pub struct Column {
    /// Their type.
    pub storage: Storage,
    /// Shape of one example's; `[]` is one number.
    pub shape: Vec<u64>,
    /// Their bytes.
    pub bytes: Vec<u8>,
}

/// The type of stored numbers. They are kept in it also on the device, and converted micro-batch by micro-batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Storage {
    /// Unsigned bytes, as in image files.
    U8,
    /// IEEE 754 half precision.
    F16,
    /// The upper half of a single-precision number.
    BF16,
    /// Single precision.
    F32,
    /// Double precision.
    F64,
    /// Integers, of whatever width they were saved in.
    I64,
    /// True or false, a byte each.
    Bool,
}

/// Without the numbers: they may be gigabytes.
impl fmt::Debug for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of {:?}", self.bytes.len(), self.storage)
    }
}

impl Storage {
    /// libtorch's name for it.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::U8 => Kind::Uint8,
            Self::F16 => Kind::Half,
            Self::BF16 => Kind::BFloat16,
            Self::F32 => Kind::Float,
            Self::F64 => Kind::Double,
            Self::I64 => Kind::Int64,
            Self::Bool => Kind::Bool,
        }
    }

    /// Bytes of one number.
    #[must_use]
    pub fn size(self) -> usize {
        self.kind().elt_size_in_bytes()
    }

    /// Whether they are integers, or flags, to a loss.
    #[must_use]
    pub fn holds_integers(self) -> bool {
        matches!(self, Self::U8 | Self::I64 | Self::Bool)
    }

    /// What a model of the user's own is given them as.
    #[must_use]
    pub fn numbers(self) -> InputNumbers {
        match self {
            Self::U8 | Self::F16 | Self::BF16 | Self::F32 | Self::F64 => InputNumbers::Floating,
            Self::I64 => InputNumbers::Integers,
            Self::Bool => InputNumbers::Flags,
        }
    }
}

impl Column {
    /// Classes, one a row.
    #[must_use]
    pub(super) fn of_classes(classes: &[i64]) -> Self {
        let bytes = classes.iter().flat_map(|class| class.to_ne_bytes()).collect();
        Self { storage: Storage::I64, shape: Vec::new(), bytes }
    }

    /// Integers, if that is what they are; flags are 0 and 1.
    pub(super) fn integers(&self) -> impl Iterator<Item = i64> {
        let (wide, narrow): (&[u8], &[u8]) = match self.storage {
            Storage::I64 => (&self.bytes, &[]),
            Storage::U8 | Storage::Bool => (&[], &self.bytes),
            Storage::F16 | Storage::BF16 | Storage::F32 | Storage::F64 => (&[], &[]),
        };
        let wide = wide
            .chunks_exact(8)
            .map(|b| i64::from_ne_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]));
        wide.chain(narrow.iter().map(|&byte| byte.into()))
    }

    /// Bytes of one row.
    #[must_use]
    pub fn row_bytes(&self) -> usize {
        self.shape.iter().product::<u64>() as usize * self.storage.size()
    }

    /// The bytes of some rows that follow each other.
    pub(super) fn rows(&self, start: usize, count: usize) -> &[u8] {
        let width = self.row_bytes();
        &self.bytes[start * width..(start + count) * width]
    }

    /// Drops the rows from `start` to before `end`, and their memory.
    pub(super) fn leave_out(&mut self, start: usize, end: usize) {
        let width = self.row_bytes();
        self.bytes.drain(start * width..end * width);
        self.bytes.shrink_to_fit();
    }

    /// Puts the numbers of `bytes`, which is a whole number of them, behind those in `into`.
    pub(super) fn decode(storage: Storage, bytes: &[u8], into: &mut Vec<f64>) {
        let numbers = bytes.chunks_exact(storage.size());
        let eight = |b: &[u8]| [b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]];
        match storage {
            Storage::U8 | Storage::Bool => into.extend(bytes.iter().map(|&byte| f64::from(byte))),
            Storage::F16 => into.extend(numbers.map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f64())),
            Storage::BF16 => into.extend(numbers.map(|b| half::bf16::from_le_bytes([b[0], b[1]]).to_f64())),
            Storage::F32 => {
                into.extend(numbers.map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]]))));
            }
            Storage::F64 => into.extend(numbers.map(|b| f64::from_le_bytes(eight(b)))),
            Storage::I64 => into.extend(numbers.map(|b| i64::from_le_bytes(eight(b)) as f64)),
        }
    }

    /// Whether each number is 0 or 1.
    pub(super) fn all_0_or_1(&self) -> bool {
        let mut numbers = Vec::new();
        self.bytes.chunks(self.storage.size() << 16).all(|piece| {
            numbers.clear();
            Self::decode(self.storage, piece, &mut numbers);
            numbers.iter().all(|&number| number == 0.0 || number == 1.0)
        })
    }

    /// The first number that float32 cannot hold, and its place; only double precision has any.
    pub(super) fn first_over_float32(&self) -> Option<(usize, f64)> {
        if self.storage != Storage::F64 {
            return None;
        }
        let numbers = self.bytes.chunks_exact(8).enumerate();
        let numbers =
            numbers.filter_map(|(place, bytes)| Some((place, f64::from_le_bytes(bytes.try_into().ok()?))));
        // As a conversion rounds: what rounds to the largest number is held.
        numbers.into_iter().find(|(_, number)| number.is_finite() && (*number as f32).is_infinite())
    }

    /// The place of the first number that is infinite or not a number.
    pub(super) fn first_not_finite(&self) -> Option<usize> {
        // Such a number has an exponent of ones, and so does no other; the sign is in the highest byte, the last one.
        let has_ones = |ones: [u8; 2]| {
            self.bytes.chunks_exact(self.storage.size()).position(|number| {
                let [low, high] = [number[number.len() - 2], number[number.len() - 1]];
                low & ones[0] == ones[0] && high & ones[1] == ones[1]
            })
        };
        match self.storage {
            Storage::U8 | Storage::I64 | Storage::Bool => None,
            Storage::F16 => has_ones([0x00, 0x7c]),
            Storage::BF16 | Storage::F32 => has_ones([0x80, 0x7f]),
            Storage::F64 => has_ones([0xf0, 0x7f]),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FLOATS: [Storage; 4] = [Storage::F16, Storage::BF16, Storage::F32, Storage::F64];

    proptest! {
        #[test]
        fn what_is_not_finite_is_found_where_it_is(
            storage in prop::sample::select(FLOATS.to_vec()),
            mut bytes in prop::collection::vec(any::<u8>(), 0..200),
            mark in 0usize..40,
        ) {
            bytes.truncate(bytes.len() / storage.size() * storage.size());
            // Exponents of ones are rare among random bytes.
            if let Some(number) = bytes.chunks_exact_mut(storage.size()).nth(mark) {
                number[storage.size() - 1] |= 0x7f;
                number[storage.size() - 2] |= 0xf0;
            }
            let inputs = Column { storage, shape: vec![], bytes };
            let mut numbers = Vec::new();
            Column::decode(storage, &inputs.bytes, &mut numbers);
            prop_assert_eq!(inputs.first_not_finite(), numbers.iter().position(|number| !number.is_finite()));
        }
    }

    #[test]
    fn a_double_that_float32_cannot_hold_is_found() {
        let of = |numbers: &[f64]| {
            let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            Column { storage: Storage::F64, shape: vec![], bytes }.first_over_float32()
        };
        assert_eq!(of(&[1.0, f64::from(f32::MAX), -1e38]), None);
        assert_eq!(of(&[1.0, -1e39]), Some((1, -1e39)));
        assert_eq!(
            Column { storage: Storage::U8, shape: vec![], bytes: vec![255; 8] }.first_over_float32(),
            None
        );
    }

    #[test]
    fn numbers_are_read_in_every_type() {
        for (storage, bytes) in [
            (Storage::U8, vec![2u8, 0]),
            (Storage::F16, vec![0x00, 0x40, 0, 0]),
            (Storage::BF16, vec![0x00, 0x40, 0, 0]),
            (Storage::F32, [2f32, 0.0].iter().flat_map(|number| number.to_le_bytes()).collect()),
            (Storage::I64, [2i64, 0].iter().flat_map(|number| number.to_le_bytes()).collect()),
            (Storage::F64, [2f64, 0.0].iter().flat_map(|number| number.to_le_bytes()).collect()),
        ] {
            let mut numbers = Vec::new();
            Column::decode(storage, &bytes, &mut numbers);
            assert_eq!(numbers, [2.0, 0.0], "{storage:?}");
        }
    }
}
