//! SHA-256 of files, for the data, modules and checkpoints that must be the same everywhere.

use std::io::{self, Read};

use domain::units::{ContentHash, ContentHasher};

use super::pulse;

/// A reader whose bytes are hashed on their way. A large file counts as work done, piece by piece.
#[derive(Debug)]
pub struct Hashed<'a, R> {
    from: R,
    hasher: &'a mut ContentHasher,
}

impl<'a, R> Hashed<'a, R> {
    /// Adds all that is read to `hasher`.
    pub fn new(from: R, hasher: &'a mut ContentHasher) -> Self {
        Self { from, hasher }
    }
}

impl<R: Read> Read for Hashed<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(into)?;
        self.hasher.update(&into[..count]);
        pulse::beat();
        Ok(count)
    }
}

/// SHA-256 of what is left to read.
///
/// # Errors
/// When it cannot be read.
pub fn sha256_of(from: impl Read) -> io::Result<ContentHash> {
    let mut hasher = ContentHasher::default();
    let (mut from, mut piece) = (Hashed::new(from, &mut hasher), vec![0; 1 << 20]);
    while from.read(&mut piece)? > 0 {}
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_that_of_all_pieces_together() {
        let long = vec![7; (1 << 20) + 5];
        assert_eq!(sha256_of(&long[..]).unwrap(), ContentHash::of(&long));
    }
}
