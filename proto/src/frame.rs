//! Messages on a byte stream: four bytes of length, most significant first, then the message. The same framing
//! as tokio-util's `LengthDelimitedCodec` by default, so either end may be async.

use std::io::{self, ErrorKind, Read, Write};

use prost::Message;

/// The largest message taken, in bytes: a broken stream must not ask for all memory.
pub const MAX_FRAME_BYTES: usize = 64 << 20;

/// Writes one message and flushes.
///
/// # Errors
/// What the stream gives.
pub fn write(stream: &mut impl Write, message: &impl Message) -> io::Result<()> {
    let body = message.encode_to_vec();
    let length = u32::try_from(body.len()).map_err(|_| too_large(body.len()))?;
    stream.write_all(&length.to_be_bytes())?;
    stream.write_all(&body)?;
    stream.flush()
}

/// Reads one message; `None` at the end of the stream between two messages.
///
/// # Errors
/// What the stream gives, an end within a message, a message over [`MAX_FRAME_BYTES`] or one that does not parse.
pub fn read<M: Message + Default>(stream: &mut impl Read) -> io::Result<Option<M>> {
    let mut length = [0; 4];
    match stream.read(&mut length[..1])? {
        0 => return Ok(None),
        _ => stream.read_exact(&mut length[1..])?,
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_FRAME_BYTES {
        return Err(too_large(length));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    M::decode(body.as_slice()).map(Some).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}

fn too_large(length: usize) -> io::Error {
    io::Error::new(
        ErrorKind::InvalidData,
        format!("a message of {length} bytes is over the limit of {MAX_FRAME_BYTES}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::Lease;

    #[test]
    fn messages_come_back_in_order_and_then_the_end() {
        let sent: Vec<_> = (1..4).map(|attempt| Lease { attempt, ..Lease::default() }).collect();
        let mut stream = Vec::new();
        sent.iter().for_each(|lease| write(&mut stream, lease).unwrap());
        let mut reader = stream.as_slice();
        let received: Vec<Lease> = std::iter::from_fn(|| read(&mut reader).unwrap()).collect();
        assert_eq!(received, sent);
    }

    #[test]
    fn a_torn_or_oversized_message_is_an_error() {
        assert!(read::<Lease>(&mut [0, 0, 0, 9, 1].as_slice()).is_err());
        assert!(read::<Lease>(&mut [255, 0, 0, 0, 1].as_slice()).is_err());
    }
}
