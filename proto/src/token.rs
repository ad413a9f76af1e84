//! Bearer tokens: 32 random bytes in hexadecimal behind a prefix by which secret scanners know them. Coordinators store
//! the SHA-256 of one, never the token. A plain hash is enough: there is no guessing 256 random bits, so there is nothing
//! that a slow hash would slow down.

use std::fmt;
use std::io::{Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

const PREFIX: &str = "bst_";
const RANDOM_BYTES: usize = 32;

/// The longest token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 256;

/// A token. It is not shown by `Debug`, and has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn random() -> std::io::Result<Self> {
        let mut bytes = [0; RANDOM_BYTES];
        getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
        let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
        Ok(Self(PREFIX.chars().map(String::from).chain(digits).collect()))
    }

    /// The token of a header or a file: visible ASCII, not too long. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=MAX_TOKEN_BYTES).contains(&text.len());
        (fits && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| Self(text.to_owned()))
    }

    /// The token in a file; blanks and line ends around it do not belong to it.
    ///
    /// # Errors
    /// When the file cannot be read or holds no token.
    pub fn read(file: &Path) -> Result<Self, TokenFileError> {
        let failed = |source| TokenFileError::Unreadable { file: file.display().to_string(), source };
        let mut text = String::new();
        // A few bytes are enough to see that a wrong, long file is no token.
        std::fs::File::open(file)
            .and_then(|file| file.take(4096).read_to_string(&mut text))
            .map_err(failed)?;
        Self::parse(text.trim()).ok_or_else(|| TokenFileError::NoToken { file: file.display().to_string() })
    }

    /// Writes the token to a new file that only this user may read.
    ///
    /// # Errors
    /// When the file is there already, or cannot be written.
    pub fn write_new(&self, file: &Path) -> std::io::Result<()> {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        writeln!(options.open(file)?, "{}", self.0)
    }

    /// The token itself, for a header or a file of its own.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What coordinators store of it.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

/// Why a file gave no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    /// It cannot be read.
    #[error("cannot read the token file {file}: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// It holds something else.
    #[error("{file} holds no token; a token file holds the token alone, on one line")]
    NoToken {
        /// The file.
        file: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_differ_and_are_never_shown() {
        let (one, other) = (Token::random().unwrap(), Token::random().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.expose().len(), PREFIX.len() + 2 * RANDOM_BYTES);
        assert_eq!(Token::parse(one.expose()), Some(one.clone()));
        assert_eq!(format!("{one:?}"), "Token(redacted)");
    }

    #[test]
    fn a_token_file_holds_the_token_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "  secret\n").unwrap();
        assert_eq!(Token::read(&file).unwrap().expose(), "secret");
        for wrong in ["", "\n", "two words", "a\nb", "\u{e9}", &"x".repeat(300)] {
            std::fs::write(&file, wrong).unwrap();
            assert!(matches!(Token::read(&file), Err(TokenFileError::NoToken { .. })), "{wrong:?}");
        }
        assert!(matches!(Token::read(&folder.path().join("none")), Err(TokenFileError::Unreadable { .. })));
    }

    #[test]
    #[cfg(unix)]
    fn a_written_token_is_its_owners_alone_and_overwrites_nothing() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (file, token) = (folder.path().join("token"), Token::random().unwrap());
        token.write_new(&file).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(Token::read(&file).unwrap(), token);
        assert_eq!(token.write_new(&file).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn the_hash_is_plain_sha_256() {
        let hex: String =
            Token::parse("abc").unwrap().hash().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
