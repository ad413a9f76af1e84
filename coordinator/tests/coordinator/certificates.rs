//! Certificates of a test's own.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use tempfile::TempDir;

/// A certificate authority, and the files of what it signed.
pub struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
    pub certificate: PathBuf,
}

/// A certificate and its key.
#[derive(Debug, Clone)]
pub struct Pair {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "a test's CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = write(folder.path(), "ca.pem", &params.self_signed(&key).unwrap().pem());
        Self { issuer: Issuer::new(params, key), folder, certificate }
    }

    /// A server's certificate for these names.
    pub fn server(&self, names: &[&str]) -> Pair {
        self.signed("server", names, ExtendedKeyUsagePurpose::ServerAuth, 2100)
    }

    /// One that ended years ago.
    pub fn expired_server(&self) -> Pair {
        self.signed("expired", &["localhost", "127.0.0.1"], ExtendedKeyUsagePurpose::ServerAuth, 2020)
    }

    /// A client's certificate.
    pub fn client(&self) -> Pair {
        self.signed("client", &["client"], ExtendedKeyUsagePurpose::ClientAuth, 2100)
    }

    fn signed(&self, file: &str, names: &[&str], usage: ExtendedKeyUsagePurpose, until: i32) -> Pair {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Pair {
            certificate: write(self.folder.path(), &format!("{file}.pem"), &certificate.pem()),
            key: write(self.folder.path(), &format!("{file}-key.pem"), &key.serialize_pem()),
        }
    }
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, text).unwrap();
    file
}
