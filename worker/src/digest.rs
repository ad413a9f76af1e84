//! SHA-256 as hex digits: of files, for the data, modules and checkpoints that must be the same everywhere.

use std::io::{self, Read};

use domain::units::ContentHasher;

use crate::trainer::pulse;

/// Bytes as hex digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 of what is left to read. A large file counts as work done, piece by piece.
///
/// # Errors
/// When it cannot be read.
pub fn sha256_of(mut from: impl Read) -> io::Result<String> {
    let (mut hasher, mut piece) = (ContentHasher::default(), vec![0; 1 << 20]);
    loop {
        match from.read(&mut piece)? {
            0 => return Ok(hasher.finish().to_string()),
            read => hasher.update(&piece[..read]),
        }
        pulse::beat();
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn a_digest_is_that_of_all_pieces_together() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_of(&b"abc"[..]).unwrap(), abc);
        let long = vec![7; (1 << 20) + 5];
        assert_eq!(sha256_of(&long[..]).unwrap(), hex(&Sha256::digest(&long)));
    }
}
