//! Where a store is.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ClientConfigKey, Error, RetryConfig};

use crate::{Storage, remains};

/// How long a bucket that cannot be reached is tried again.
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);

impl Storage {
    /// Opens the store at a folder, which is made, at a `file://` URL of one, or at `s3://BUCKET/PREFIX`, whose address and
    /// credentials are in the environment (`AWS_*`). Writes and removes a small file there: better told at the start than when
    /// a file is to be kept.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub async fn open(location: &str) -> Result<Self, String> {
        let told =
            |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        let told: Vec<_> = env::vars_os().filter_map(told).collect();
        Self::open_with(location, told).await
    }

    /// The same, with these variables in place of the environment's.
    ///
    /// # Errors
    /// As [`Storage::open`].
    pub async fn open_with(location: &str, variables: Vec<(String, String)>) -> Result<Self, String> {
        let folder = location.strip_prefix("file://").unwrap_or(location);
        let storage = match folder.split_once("://") {
            None => Self::folder(FilePath::new(folder))?,
            Some(("s3", _)) => Self::bucket(location, variables)?,
            Some((scheme, _)) => {
                return Err(format!("{scheme}:// is not known; there are folders and s3://"));
            }
        };
        match storage.check().await {
            Ok(()) => Ok(storage),
            Err(error) if location.starts_with("s3://") => Err(of_bucket(&error)),
            Err(error) => Err(error.to_string()),
        }
    }

    fn folder(folder: &FilePath) -> Result<Self, String> {
        fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        let objects = LocalFileSystem::new_with_prefix(folder).map_err(|error| error.to_string())?;
        // A folder that cannot be held serves all the same; only remains stay in it.
        let held = remains::hold(folder).ok().map(Arc::new);
        Ok(Self { objects: Arc::new(objects.with_fsync(true).with_automatic_cleanup(true)), _held: held })
    }

    fn bucket(url: &str, variables: Vec<(String, String)>) -> Result<Self, String> {
        let place = url.trim_start_matches("s3://");
        let (name, prefix) = place.split_once('/').unwrap_or((place, ""));
        if name.is_empty() {
            return Err("a bucket has a name: s3://BUCKET/PREFIX".to_owned());
        }
        let prefix = Path::parse(prefix).map_err(|error| error.to_string())?;
        let mut bucket = AmazonS3Builder::new().with_url(url);
        for (name, value) in variables.into_iter().filter(|(name, _)| name.starts_with("AWS_")) {
            if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
                bucket = bucket.with_config(key, value);
            }
        }
        let is_plain = bucket
            .get_config_value(&AmazonS3ConfigKey::Endpoint)
            .is_some_and(|endpoint| endpoint.starts_with("http://"));
        let may_be = bucket.get_config_value(&AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp));
        if is_plain && may_be.as_deref() != Some("true") {
            return Err("AWS_ENDPOINT is http://, so that all that is saved would go over the network in plain text; \
                        AWS_ALLOW_HTTP=true allows that"
                .to_owned());
        }
        // Where there is a provider of cryptography already, that one is as good.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let retry = RetryConfig { retry_timeout: RETRY_TIMEOUT, ..RetryConfig::default() };
        let bucket = bucket.with_retry(retry).build().map_err(|error| error.to_string())?;
        Ok(Self { objects: Arc::new(PrefixStore::new(bucket, prefix)), _held: None })
    }
}

/// Why a bucket cannot be used, and what to look at. A server tells it as XML; its code is the part for people.
fn of_bucket(error: &Error) -> String {
    let text = error.to_string();
    let code = text.split_once("<Code>").and_then(|(_, rest)| Some(rest.split_once("</Code>")?.0));
    let code = code.map(|code| format!(" ({code})")).unwrap_or_default();
    match error {
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => format!(
            "the bucket refuses{code}: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be those of someone who may read, write \
             and remove files there"
        ),
        Error::NotFound { .. } => {
            format!("there is no such bucket{code} in the region of AWS_REGION, or at AWS_ENDPOINT")
        }
        _ => {
            let told = text
                .split_once("<?xml")
                .map_or(text.as_str(), |(before, _)| before.trim_end_matches([' ', ':']));
            format!("{told}{code}; AWS_ENDPOINT and AWS_REGION say where buckets are")
        }
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
