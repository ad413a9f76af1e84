//! Certificates and keys out of PEM files, looked at before they are used: so that a wrong file is named by its name.

use std::fs;
use std::path::{Path, PathBuf};

use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why a file gave no certificate or key.
#[derive(Debug, thiserror::Error)]
pub enum PemError {
    /// It cannot be read.
    #[error("cannot read {flag} {}: {source}", .file.display())]
    Unreadable {
        /// The flag that named it.
        flag: &'static str,
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It holds something else.
    #[error("{flag} {} holds no {what} in PEM form (`-----BEGIN {label}-----`)", .file.display())]
    Missing {
        /// The flag that named it.
        flag: &'static str,
        /// The file.
        file: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// How it begins in a PEM file.
        label: &'static str,
    },
}

/// The text of a file with at least one certificate.
///
/// # Errors
/// [`PemError`].
pub fn certificates(flag: &'static str, file: &Path) -> Result<Vec<u8>, PemError> {
    let text = read(flag, file)?;
    let mut found = CertificateDer::pem_slice_iter(&text).peekable();
    let is_there = found.peek().is_some();
    if is_there && found.all(|certificate| certificate.is_ok()) {
        return Ok(text);
    }
    Err(PemError::Missing { flag, file: file.to_owned(), what: "certificate", label: "CERTIFICATE" })
}

/// The text of a file with a private key.
///
/// # Errors
/// [`PemError`].
pub fn private_key(flag: &'static str, file: &Path) -> Result<Vec<u8>, PemError> {
    let text = read(flag, file)?;
    match PrivateKeyDer::from_pem_slice(&text) {
        Ok(_) => Ok(text),
        Err(_) => {
            Err(PemError::Missing { flag, file: file.to_owned(), what: "private key", label: "PRIVATE KEY" })
        }
    }
}

fn read(flag: &'static str, file: &Path) -> Result<Vec<u8>, PemError> {
    fs::read(file).map_err(|source| PemError::Unreadable { flag, file: file.to_owned(), source })
}
