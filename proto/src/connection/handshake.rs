//! A second look at a connection that broke: a TLS handshake, and then only listening. A coordinator that does not take a
//! client says why after the handshake; a client that was already sending mostly hears a reset connection instead.

use std::error::Error;
use std::sync::Arc;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tonic::transport::Uri;

use super::credentials::Credentials;
use super::diagnosis::{self, PATIENCE, Problem};

impl Credentials {
    /// Why a call to this address failed with this error, as far as encryption and certificates have to do with it; `None`
    /// for other reasons. May take a second.
    pub fn diagnose<'a>(
        &'a self,
        url: &'a str,
        error: &(dyn Error + 'static),
    ) -> impl Future<Output = Option<Problem>> + Send + use<'a> {
        let told = Problem::of(error);
        async move {
            if told.is_some() {
                return told;
            }
            let uri: Uri = url.parse().ok()?;
            if uri.scheme_str() == Some("https") {
                let looked = tokio::time::timeout(PATIENCE, self.shake_hands(&uri)).await;
                return looked.ok()?.err().and_then(|error| Problem::of(error.as_ref()));
            }
            diagnosis::speaks_tls(url).await.then_some(Problem::Encrypted)
        }
    }

    async fn shake_hands(&self, uri: &Uri) -> Result<(), Box<dyn Error + Send + Sync>> {
        let (host, port) = (uri.host().ok_or("no host")?, uri.port_u16().ok_or("no port")?);
        let host = host.trim_matches(['[', ']']).to_owned();
        let stream = TcpStream::connect((host.as_str(), port)).await?;
        let connector = TlsConnector::from(Arc::new(self.client_config()?));
        let mut stream = connector.connect(ServerName::try_from(host)?, stream).await?;
        // The first byte of an HTTP/2 server, its end, or its refusal.
        stream.read_u8().await?;
        Ok(())
    }

    fn client_config(&self) -> Result<ClientConfig, Box<dyn Error + Send + Sync>> {
        let mut roots = RootCertStore::empty();
        match &self.ca {
            Some(ca) => roots.add_parsable_certificates(certificates(ca)?),
            None => roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
        };
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let mut config = match &self.identity {
            Some((certificate, key)) => config
                .with_client_auth_cert(certificates(certificate)?, PrivateKeyDer::from_pem_slice(key)?)?,
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Box<dyn Error + Send + Sync>> {
    Ok(CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>()?)
}
