//! Inputs in host memory, in the number type of their file.

use std::fmt;

use tch::Kind;

#[cfg(target_endian = "big")]
compile_error!("the files are little-endian, and their numbers are used as they are");

/// Numbers as stored, one example after another.
#[derive(Clone, PartialEq, Eq)]
pub struct Inputs {
    /// Their type.
    pub storage: Storage,
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
}

/// Without the numbers: they may be gigabytes.
impl fmt::Debug for Inputs {
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
        }
    }

    /// Bytes of one number.
    #[must_use]
    pub fn size(self) -> usize {
        self.kind().elt_size_in_bytes()
    }
}

impl Inputs {
    /// Puts the numbers of `bytes`, which is a whole number of them, behind those in `into`.
    pub(super) fn decode(storage: Storage, bytes: &[u8], into: &mut Vec<f64>) {
        let numbers = bytes.chunks_exact(storage.size());
        match storage {
            Storage::U8 => into.extend(bytes.iter().map(|&byte| f64::from(byte))),
            Storage::F16 => into.extend(numbers.map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f64())),
            Storage::BF16 => into.extend(numbers.map(|b| half::bf16::from_le_bytes([b[0], b[1]]).to_f64())),
            Storage::F32 => {
                into.extend(numbers.map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]]))));
            }
            Storage::F64 => into.extend(
                numbers.map(|b| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]])),
            ),
        }
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
            Storage::U8 => None,
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
            let inputs = Inputs { storage, bytes };
            let mut numbers = Vec::new();
            Inputs::decode(storage, &inputs.bytes, &mut numbers);
            prop_assert_eq!(inputs.first_not_finite(), numbers.iter().position(|number| !number.is_finite()));
        }
    }

    #[test]
    fn a_double_that_float32_cannot_hold_is_found() {
        let of = |numbers: &[f64]| {
            let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            Inputs { storage: Storage::F64, bytes }.first_over_float32()
        };
        assert_eq!(of(&[1.0, f64::from(f32::MAX), -1e38]), None);
        assert_eq!(of(&[1.0, -1e39]), Some((1, -1e39)));
        assert_eq!(Inputs { storage: Storage::U8, bytes: vec![255; 8] }.first_over_float32(), None);
    }

    #[test]
    fn numbers_are_read_in_every_type() {
        for (storage, bytes) in [
            (Storage::U8, vec![2u8, 0]),
            (Storage::F16, vec![0x00, 0x40, 0, 0]),
            (Storage::BF16, vec![0x00, 0x40, 0, 0]),
            (Storage::F32, [2f32, 0.0].iter().flat_map(|number| number.to_le_bytes()).collect()),
            (Storage::F64, [2f64, 0.0].iter().flat_map(|number| number.to_le_bytes()).collect()),
        ] {
            let mut numbers = Vec::new();
            Inputs::decode(storage, &bytes, &mut numbers);
            assert_eq!(numbers, [2.0, 0.0], "{storage:?}");
        }
    }
}
