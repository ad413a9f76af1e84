//! Where a store is.

use std::env;
use std::fs;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use object_store::local::LocalFileSystem;

use crate::Storage;

impl Storage {
    /// Opens the store at a folder, which is made, at a `file://` URL of one or, in builds with the feature `s3`, at
    /// `s3://BUCKET/PREFIX`. Writes and removes a small file there: better told at the start than when a file is to be kept.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub async fn open(location: &str) -> Result<Self, String> {
        let folder = location.strip_prefix("file://").unwrap_or(location);
        let storage = match folder.split_once("://") {
            None => Self::folder(FilePath::new(folder))?,
            Some(("s3", _)) => Self::bucket(location)?,
            Some((scheme, _)) => {
                return Err(format!("{scheme}:// is not known; there are folders and s3://"));
            }
        };
        storage.check().await.map_err(|error| error.to_string())?;
        Ok(storage)
    }

    fn folder(folder: &FilePath) -> Result<Self, String> {
        fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        let objects = LocalFileSystem::new_with_prefix(folder).map_err(|error| error.to_string())?;
        Ok(Self { objects: Arc::new(objects.with_fsync(true).with_automatic_cleanup(true)) })
    }

    #[cfg(feature = "s3")]
    fn bucket(url: &str) -> Result<Self, String> {
        use object_store::RetryConfig;
        use object_store::aws::AmazonS3Builder;
        use object_store::path::Path;
        use object_store::prefix::PrefixStore;

        let retry_timeout = std::time::Duration::from_secs(60);
        let retry = RetryConfig { retry_timeout, ..RetryConfig::default() };
        let bucket = AmazonS3Builder::from_env().with_url(url).with_retry(retry).build();
        let bucket = bucket.map_err(|error| error.to_string())?;
        let prefix = url.trim_start_matches("s3://").split_once('/').map_or("", |(_, prefix)| prefix);
        let prefix = Path::parse(prefix).map_err(|error| error.to_string())?;
        Ok(Self { objects: Arc::new(PrefixStore::new(bucket, prefix)) })
    }

    #[cfg(not(feature = "s3"))]
    fn bucket(_: &str) -> Result<Self, String> {
        Err("this program was built without s3://; build it with `cargo build --features s3`, or name a folder that all \
             who need the files see, such as one on NFS"
            .to_owned())
    }
}

/// A folder of this user's that outlives the process: `batchsweep/NAME` where such folders are kept.
#[must_use]
pub fn state_folder(name: &str) -> PathBuf {
    let from_env = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let in_state = |folder: PathBuf| folder.join("batchsweep").join(name);
    let user = nix::unistd::geteuid();
    user.is_root()
        .then(|| in_state("/var/lib".into()))
        .or_else(|| from_env("XDG_STATE_HOME").map(in_state))
        .or_else(|| from_env("HOME").map(|home| in_state(home.join(".local/state"))))
        .unwrap_or_else(|| env::temp_dir().join(format!("batchsweep-{name}-{user}")))
}
