//! The contents of a gzip file: of all its members, without the zeros that some writers pad it with.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// Unpacks members one after another, as `gzip -d` does. Zeros after the last one are passed over; anything else there is
/// an error.
pub(super) struct Unpacked<R> {
    /// Always there but while it changes.
    state: Option<State<R>>,
}

enum State<R> {
    Within(GzDecoder<R>),
    /// After a member.
    Between(R),
    End,
}

impl<R: BufRead> Unpacked<R> {
    pub fn new(packed: R) -> Self {
        Self { state: Some(State::Within(GzDecoder::new(packed))) }
    }
}

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.state.take() {
                Some(State::Within(mut member)) => {
                    let read = member.read(buffer);
                    if !matches!(read, Ok(0)) || buffer.is_empty() {
                        self.state = Some(State::Within(member));
                        return read;
                    }
                    self.state = Some(State::Between(member.into_inner()));
                }
                Some(State::Between(mut packed)) => match after_a_member(&mut packed) {
                    Ok(next) => self.state = Some(next(packed)),
                    Err(error) => {
                        self.state = Some(State::Between(packed));
                        return Err(error);
                    }
                },
                Some(State::End) | None => return Ok(0),
            }
        }
    }
}

/// What follows.
fn after_a_member<R: BufRead>(packed: &mut R) -> io::Result<fn(R) -> State<R>> {
    let mut padded = false;
    loop {
        let rest = packed.fill_buf()?;
        let zeros = rest.iter().take_while(|byte| **byte == 0).count();
        match (rest.len(), zeros) {
            (0, _) => return Ok(|_| State::End),
            (all, zeros) if zeros == all => {
                padded = true;
                packed.consume(all);
            }
            (_, 0) if !padded => return Ok(|packed| State::Within(GzDecoder::new(packed))),
            _ => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "bytes other than zeros follow its end",
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn unpacked(bytes: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        // A buffer of three bytes ends in the middle of everything.
        Unpacked::new(io::BufReader::with_capacity(3, bytes)).read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn members_are_read_one_after_another_and_padding_is_passed_over() {
        let both = [packed("ab"), packed("c")].concat();
        assert_eq!(unpacked(&both).unwrap(), "abc");
        for zeros in [1, 2, 3, 512, 10_240] {
            assert_eq!(unpacked(&[both.clone(), vec![0; zeros]].concat()).unwrap(), "abc", "{zeros}");
        }
    }

    #[test]
    fn what_follows_the_end_and_is_no_padding_is_refused() {
        for rest in [&b"x"[..], b"\0x", b"\x1f", b"\x1f\x8b\x08"] {
            assert!(unpacked(&[&packed("ab")[..], rest].concat()).is_err(), "{rest:?}");
        }
        let mut damaged = packed("ab");
        let checksum = damaged.len() - 8;
        damaged[checksum] ^= 1;
        assert!(unpacked(&damaged).is_err());
        let whole = packed("ab");
        assert!(unpacked(&whole[..whole.len() - 1]).is_err(), "cut off");
        assert!(unpacked(b"").is_err(), "nothing at all");
    }
}
