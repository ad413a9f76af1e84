//! An S3 server on a folder, in this process: it checks signatures, takes uploads in parts and lists, as a bucket of anybody's
//! does.

use std::fs;
use std::net::SocketAddr;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Who may use it.
const KEY: &str = "batchsweep";

/// And by what.
pub const SECRET: &str = "not in any log";

/// Serves until the process ends; what it keeps goes with this.
pub struct Bucket {
    address: SocketAddr,
    folder: TempDir,
    is_encrypted: bool,
}

async fn answer(connection: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, service: S3Service) {
    let served = Builder::new(TokioExecutor::new());
    let _ = served.serve_connection(TokioIo::new(connection), service).await;
}

impl Bucket {
    /// With one empty bucket, named `models`; over TLS where that is given.
    pub async fn serve(encrypted: Option<TlsAcceptor>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("models")).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = service.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let is_encrypted = encrypted.is_some();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (service, encrypted) = (service.clone(), encrypted.clone());
                tokio::spawn(async move {
                    // A caller that goes away in the middle is no mistake of the server's.
                    match encrypted {
                        None => answer(connection, service).await,
                        Some(encrypted) => {
                            if let Ok(connection) = encrypted.accept(connection).await {
                                answer(connection, service).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, folder, is_encrypted }
    }

    /// The environment's variables for whoever is to use it, with this secret.
    pub fn variables(&self, secret: &str) -> Vec<(String, String)> {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        let endpoint = format!("{scheme}://{}", self.address);
        [
            ("AWS_ENDPOINT", endpoint.as_str()),
            ("AWS_ALLOW_HTTP", if self.is_encrypted { "false" } else { "true" }),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", secret),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// The same with the right one.
    pub fn right(&self) -> Vec<(String, String)> {
        self.variables(SECRET)
    }

    /// How many files are under this prefix of the bucket.
    pub fn files(&self, prefix: &str) -> usize {
        fn count(folder: &std::path::Path) -> usize {
            let Ok(entries) = fs::read_dir(folder) else { return 0 };
            entries
                .map(|entry| entry.unwrap().path())
                .map(|path| if path.is_dir() { count(&path) } else { 1 })
                .sum()
        }
        count(&self.folder.path().join("models").join(prefix))
    }
}
