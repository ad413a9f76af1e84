//! TFRecord files, which TensorBoard reads: each record is its length (u64), the length's masked CRC-32C, the bytes, and
//! their masked CRC-32C, all little-endian.

use std::io::{self, Write};

/// Writes one record.
///
/// # Errors
/// What the writer gives.
pub fn write(target: &mut impl Write, record: &[u8]) -> io::Result<()> {
    let length = (record.len() as u64).to_le_bytes();
    target.write_all(&length)?;
    target.write_all(&masked_crc(&length).to_le_bytes())?;
    target.write_all(record)?;
    target.write_all(&masked_crc(record).to_le_bytes())
}

/// The checksum, rotated and shifted so that a file of records within a record does not check itself.
#[must_use]
pub fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_framed_as_tensorflow_does() {
        let mut written = Vec::new();
        write(&mut written, b"abc").unwrap();
        assert_eq!(written.len(), 8 + 4 + 3 + 4);
        assert_eq!(written[..8], [3, 0, 0, 0, 0, 0, 0, 0]);
        // The CRC-32C of nine digits is the one known from RFC 3720's appendix and every implementation's tests.
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(masked_crc(b"123456789"), 0xe306_9283_u32.rotate_right(15).wrapping_add(0xa282_ead8));
    }
}
