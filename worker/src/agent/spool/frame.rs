//! One frame of a spool file: four bytes of length, four bytes of CRC-32C over length and body, both least significant
//! first, then the body, an encoded [`SpoolEntry`].
//!
//! A process that is killed, or a machine that loses power, leaves at worst one frame torn, at the end. The checksum
//! tells it from a whole one, whatever stands there: what was read before it is a prefix of what was written.

use prost::Message;
use proto::frame::MAX_FRAME_BYTES;
use proto::v1::SpoolEntry;

/// Bytes before the body.
pub const HEAD: usize = 8;

/// A frame of this entry.
#[must_use]
pub fn encode(entry: &SpoolEntry) -> Vec<u8> {
    let mut frame = vec![0; HEAD];
    // Cannot fail: a vector grows.
    let _ = entry.encode(&mut frame);
    let length = u32::try_from(frame.len() - HEAD).unwrap_or(u32::MAX).to_le_bytes();
    let checksum = checksum(length, &frame[HEAD..]).to_le_bytes();
    frame[..4].copy_from_slice(&length);
    frame[4..HEAD].copy_from_slice(&checksum);
    frame
}

/// The length of the body that this head announces; `None` for one that no frame has.
#[must_use]
pub fn body_length(head: [u8; HEAD]) -> Option<usize> {
    let [a, b, c, d, ..] = head;
    let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).ok()?;
    (1..=MAX_FRAME_BYTES).contains(&length).then_some(length)
}

/// The entry, if head and body are one whole frame.
#[must_use]
pub fn decode(head: [u8; HEAD], body: &[u8]) -> Option<SpoolEntry> {
    let [a, b, c, d, e, f, g, h] = head;
    let whole = checksum([a, b, c, d], body) == u32::from_le_bytes([e, f, g, h]);
    if whole { SpoolEntry::decode(body).ok() } else { None }
}

fn checksum(length: [u8; 4], body: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&length), body)
}
