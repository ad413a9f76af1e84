//! Class numbers of any integer type.

use ::safetensors::Dtype;

/// A label beyond this is no class but a mistake: a model would get as many outputs.
const MAX_CLASSES: i128 = 1 << 20;

/// The labels in `bytes`, a whole number of them, each at least 0.
pub(super) fn decode(name: &str, dtype: Dtype, bytes: &[u8]) -> Result<Vec<i64>, String> {
    let width = dtype.bitsize() / 8;
    let number = |b: &[u8]| -> Option<i128> {
        Some(match (dtype, b) {
            (Dtype::U8, &[b]) => b.into(),
            (Dtype::I8, &[b]) => b.cast_signed().into(),
            (Dtype::U16, &[a, b]) => u16::from_le_bytes([a, b]).into(),
            (Dtype::I16, &[a, b]) => i16::from_le_bytes([a, b]).into(),
            (Dtype::U32, &[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]).into(),
            (Dtype::I32, &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]).into(),
            (Dtype::U64, &[a, b, c, d, e, f, g, h]) => u64::from_le_bytes([a, b, c, d, e, f, g, h]).into(),
            (Dtype::I64, &[a, b, c, d, e, f, g, h]) => i64::from_le_bytes([a, b, c, d, e, f, g, h]).into(),
            _ => return None,
        })
    };
    let labels = bytes.chunks_exact(width.max(1)).enumerate().map(|(row, bytes)| match number(bytes) {
        None => Err(format!("{name} holds {dtype} numbers; save the class numbers as int64")),
        Some(label) if label < 0 => Err(format!("{name}[{row}] is {label}; classes count from 0")),
        Some(label) if label >= MAX_CLASSES => {
            Err(format!("{name}[{row}] is {label}; that would make over {MAX_CLASSES} classes"))
        }
        Some(label) => Ok(label as i64),
    });
    labels.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_integer_type_is_read() {
        for (dtype, bytes) in [
            (Dtype::U8, vec![3, 7]),
            (Dtype::I8, vec![3, 7]),
            (Dtype::U16, [3u16, 7].map(u16::to_le_bytes).concat()),
            (Dtype::I16, [3i16, 7].map(i16::to_le_bytes).concat()),
            (Dtype::U32, [3u32, 7].map(u32::to_le_bytes).concat()),
            (Dtype::I32, [3i32, 7].map(i32::to_le_bytes).concat()),
            (Dtype::U64, [3u64, 7].map(u64::to_le_bytes).concat()),
            (Dtype::I64, [3i64, 7].map(i64::to_le_bytes).concat()),
        ] {
            assert_eq!(decode("train_y", dtype, &bytes).unwrap(), [3, 7], "{dtype}");
        }
    }

    #[test]
    fn what_is_no_class_is_refused_with_its_row() {
        for (dtype, bytes, reason) in [
            (Dtype::I64, [0i64, -1].map(i64::to_le_bytes).concat(), "train_y[1] is -1; classes count from 0"),
            (Dtype::U64, [u64::MAX].map(u64::to_le_bytes).concat(), "train_y[0] is 18446744073709551615"),
            (Dtype::F32, vec![0; 4], "train_y holds F32 numbers; save the class numbers as int64"),
            (Dtype::F4, vec![0; 4], "holds F4 numbers"),
        ] {
            let error = decode("train_y", dtype, &bytes).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
