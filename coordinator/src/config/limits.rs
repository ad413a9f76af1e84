//! How much one caller, and all of them, may ask for.

use std::time::Duration;

use clap::Args;
use domain::Bytes;

use super::time;

/// Limits of one coordinator; several behind one address each have their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct LimitsConfig {
    /// Connections at once; those past it are refused with LIMIT_EXCEEDED.
    #[arg(long, env = "BATCHSWEEP_MAX_CONNECTIONS", value_name = "N", default_value_t = Self::default().max_connections)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: u32,

    /// Close connections, and end watches, that are older; clients connect again by themselves.
    #[arg(long, env = "BATCHSWEEP_MAX_CONNECTION_AGE", value_name = "TIME", default_value = "30m", value_parser = time)]
    pub max_connection_age: Duration,

    /// Records a second that the workers of one token may report; 0 for no limit.
    #[arg(long, env = "BATCHSWEEP_MAX_ROWS_PER_SECOND", value_name = "N", default_value_t = Self::default().max_rows_per_second)]
    pub max_rows_per_second: u32,

    /// The longest file that may be sent along with a sweep.
    #[arg(long, env = "BATCHSWEEP_MAX_UPLOAD", value_name = "SIZE", default_value_t = Self::default().max_upload)]
    pub max_upload: Bytes,

    /// Files that one token sent along, all together, as long as they are kept.
    #[arg(long, env = "BATCHSWEEP_UPLOAD_QUOTA", value_name = "SIZE", default_value_t = Self::default().upload_quota)]
    pub upload_quota: Bytes,

    /// Sweeps a minute that one token may submit; 0 for no limit.
    #[arg(
        long,
        env = "BATCHSWEEP_MAX_SUBMISSIONS_PER_MINUTE",
        value_name = "N",
        default_value_t = Self::default().max_submissions_per_minute
    )]
    pub max_submissions_per_minute: u32,
}

/// How much is taken of files that are sent along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadLimits {
    /// The longest file, in bytes.
    pub file: u64,
    /// Bytes of all files of one principal.
    pub quota: u64,
}

impl LimitsConfig {
    /// Those of files that are sent along.
    #[must_use]
    pub fn uploads(&self) -> UploadLimits {
        UploadLimits { file: self.max_upload.0, quota: self.upload_quota.0 }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            max_connections: 4_096,
            max_connection_age: Duration::from_secs(30 * 60),
            max_rows_per_second: 100_000,
            max_upload: Bytes(16 << 30),
            upload_quota: Bytes(256 << 30),
            max_submissions_per_minute: 60,
        }
    }
}
