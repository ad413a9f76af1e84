//! A set of certificates for TLS between the parts of one fleet: a certificate authority of its own, and what it signed.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// A certificate or a private key, as PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PemFile {
    /// Such as `server-key.pem`.
    pub name: String,
    /// What it holds.
    pub text: String,
    /// Whether nobody else may read it.
    pub is_secret: bool,
}

/// What certificates are for, the names of their files, and what they prove.
const PARTS: [(&str, ExtendedKeyUsagePurpose); 3] = [
    ("server", ExtendedKeyUsagePurpose::ServerAuth),
    ("worker", ExtendedKeyUsagePurpose::ClientAuth),
    ("client", ExtendedKeyUsagePurpose::ClientAuth),
];

/// The clocks of two machines may differ by so much.
const CLOCK_SKEW: Duration = Duration::from_secs(3_600);

/// The names of all files of a set.
pub fn file_names() -> impl Iterator<Item = String> {
    let all = ["ca"].into_iter().chain(PARTS.iter().map(|(part, _)| *part));
    all.flat_map(|part| [format!("{part}.pem"), format!("{part}-key.pem")])
}

/// Makes a set. `hosts` are the names and addresses that the server is reached by; all of it is valid for `lifetime` from
/// now.
///
/// # Errors
/// A sentence for a host that is no name and no address, and when the system gives no random bytes.
pub fn make(hosts: &[String], lifetime: Duration) -> Result<Vec<PemFile>, String> {
    if let Some(bad) = hosts.iter().find(|host| !is_host(host)) {
        return Err(format!("`{bad}` is neither a host's name nor an address"));
    }
    let plain = |error: rcgen::Error| error.to_string();
    let key = KeyPair::generate().map_err(plain)?;
    let mut params = parameters("batchsweep CA", &[], lifetime)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key).map_err(plain)?;
    let mut files = pair("ca", &certificate.pem(), &key).to_vec();
    let issuer = Issuer::new(params, key);
    for (part, usage) in PARTS {
        let name = format!("batchsweep {part}");
        let mut params = match part {
            "server" => parameters(&name, hosts, lifetime)?,
            _ => parameters(&name, &[format!("{part}.batchsweep.invalid")], lifetime)?,
        };
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().map_err(plain)?;
        let certificate = params.signed_by(&key, &issuer).map_err(plain)?;
        files.extend(pair(part, &certificate.pem(), &key));
    }
    Ok(files)
}

fn parameters(name: &str, hosts: &[String], lifetime: Duration) -> Result<CertificateParams, String> {
    let mut params = CertificateParams::new(hosts).map_err(|error| error.to_string())?;
    params.distinguished_name.push(DnType::CommonName, name);
    let now = SystemTime::now();
    params.not_before = (now - CLOCK_SKEW).into();
    params.not_after = now.checked_add(lifetime).ok_or("it would last for too long")?.into();
    Ok(params)
}

fn pair(part: &str, certificate: &str, key: &KeyPair) -> [PemFile; 2] {
    [
        PemFile { name: format!("{part}.pem"), text: certificate.to_owned(), is_secret: false },
        PemFile { name: format!("{part}-key.pem"), text: key.serialize_pem(), is_secret: true },
    ]
}

fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || "-_*".contains(c))
    };
    text.parse::<IpAddr>().is_ok() || (text.len() <= 253 && text.split('.').all(label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_the_files_that_it_says() {
        let hosts = ["localhost".to_owned(), "::1".to_owned()];
        let files = make(&hosts, Duration::from_secs(3_600)).unwrap();
        let names: Vec<_> = files.iter().map(|file| file.name.clone()).collect();
        assert_eq!(names, file_names().collect::<Vec<_>>());
        for file in files {
            assert_eq!(file.is_secret, file.text.contains("PRIVATE KEY"), "{}", file.name);
            assert_eq!(file.is_secret, !file.text.contains("CERTIFICATE"), "{}", file.name);
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for host in ["", "two words", "https://host", "host:7070", &"x".repeat(64)] {
            assert!(make(&[host.to_owned()], Duration::from_secs(60)).is_err(), "{host}");
        }
    }
}
