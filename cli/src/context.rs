//! What every verb gets: the flags that all verbs share, and what follows from them.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::failure::Failure;
use crate::local::StateDir;
use crate::talk::Talk;

/// The flags that all verbs share, before or after the verb.
#[derive(Debug, Clone, clap::Args)]
pub struct Globals {
    /// Address of the coordinator, such as https://host:7070 [env: BATCHSWEEP_COORDINATOR]
    #[arg(long, global = true, value_name = "URL", help_heading = "Common options")]
    pub coordinator: Option<String>,

    /// File that holds the token for the coordinator [env: BATCHSWEEP_TOKEN_FILE]
    #[arg(long, global = true, value_name = "FILE", env = "BATCHSWEEP_TOKEN_FILE", hide_env = true)]
    #[arg(help_heading = "Common options")]
    pub token_file: Option<PathBuf>,

    /// Certificates of the CAs that may vouch for the coordinator [default: the system's] [env: BATCHSWEEP_CA_FILE]
    #[arg(long, global = true, value_name = "FILE", env = "BATCHSWEEP_CA_FILE", hide_env = true)]
    #[arg(help_heading = "Common options")]
    pub ca_file: Option<PathBuf>,

    /// Certificate to show a coordinator that asks for one [env: BATCHSWEEP_CLIENT_CERT]
    #[arg(long, global = true, value_name = "FILE", env = "BATCHSWEEP_CLIENT_CERT", hide_env = true)]
    #[arg(help_heading = "Common options")]
    pub client_cert: Option<PathBuf>,

    /// That certificate's key [env: BATCHSWEEP_CLIENT_KEY]
    #[arg(long, global = true, value_name = "FILE", env = "BATCHSWEEP_CLIENT_KEY", hide_env = true)]
    #[arg(help_heading = "Common options")]
    pub client_key: Option<PathBuf>,

    /// Folder of the local stack: database, logs [env: BATCHSWEEP_STATE_DIR]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Common options")]
    pub state_dir: Option<PathBuf>,

    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Common options")]
    pub quiet: bool,

    /// Say what helps to find a fault
    #[arg(short, long, global = true, help_heading = "Common options")]
    pub verbose: bool,

    /// When to use colour: auto, always or never
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = When::Auto)]
    #[arg(hide_possible_values = true)]
    #[arg(help_heading = "Common options")]
    pub color: When,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What every verb gets.
#[derive(Debug, Clone)]
pub struct Context {
    /// The shared flags.
    pub globals: Globals,
    /// How much is said.
    pub talk: Talk,
}

impl Context {
    /// Follows from the flags; sets the colour for everything that is written.
    #[must_use]
    pub fn new(globals: Globals) -> Self {
        match globals.color {
            When::Auto => anstream::ColorChoice::Auto,
            When::Always => anstream::ColorChoice::Always,
            When::Never => anstream::ColorChoice::Never,
        }
        .write_global();
        let talk = match (globals.quiet, globals.verbose) {
            (true, _) => Talk::Quiet,
            (_, true) => Talk::Verbose,
            _ => Talk::Normal,
        };
        Self { globals, talk }
    }

    /// The folder of the local stack.
    ///
    /// # Errors
    /// When it cannot be told.
    pub fn state_dir(&self) -> Result<StateDir, Failure> {
        StateDir::resolve(self.globals.state_dir.as_deref())
    }
}

/// Runs a verb that waits on processes and networks. The others start no runtime.
///
/// On this thread alone: processes of the stack are to end with the thread that started them.
///
/// # Errors
/// What the verb gives.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("cannot start", &error))?;
    runtime.block_on(work)
}
