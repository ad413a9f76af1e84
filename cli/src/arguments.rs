//! The command line: verbs, and the flags that all of them share.

use clap::{Parser, Subcommand};

use crate::command;
use crate::context::Globals;
use crate::examples_text::examples;

/// Which batch size and learning rate should I train with on this hardware?
///
/// One TOML file in, the whole grid trained over a fleet of workers (large batches by gradient accumulation where they do
/// not fit), rows in Postgres and a table out.
#[derive(Debug, Parser)]
#[command(
    name = "batchsweep",
    version,
    max_term_width = 110,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(after_help = concat!(
    "A sweep is named by its id, a unique prefix of it, its name, or @last.\n\n",
    examples!["batchsweep run examples/fashion-mnist.toml", "batchsweep best @last"],
    "\n\n\x1b[1m\x1b[4mExit codes:\x1b[0m\n  ",
    "0 all well, 1 failed (or a trial failed), 2 bad usage or sweep file,\n  ",
    "3 coordinator or database out of reach, 4 not allowed, 5 no such thing,\n  ",
    "124 timed out, 130 interrupted",
))]
pub struct Arguments {
    /// What all verbs share.
    #[command(flatten)]
    pub globals: Globals,

    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Write an annotated sweep file to start from
    #[command(after_help = examples!["batchsweep init", "batchsweep init --python && batchsweep run sweep.toml"])]
    Init(command::init::Args),

    /// Run a whole sweep on this machine, from nothing to a table
    #[command(after_help = examples![
        "batchsweep run examples/seed.toml",
        "batchsweep run sweep.toml --workers 2 --set grid.batch_size='[8, 16]'",
    ])]
    Run(command::run::Args),

    /// Show the trials, their micro-batches and the memory they would take; runs nothing
    #[command(after_help = examples![
        "batchsweep plan examples/does-not-fit.toml",
        "batchsweep plan sweep.toml --memory-limit 512MiB -o csv",
    ])]
    Plan(command::plan::Args),

    /// Submit a sweep to the coordinator; prints its id alone
    #[command(after_help = examples![
        "batchsweep submit sweep.toml --coordinator http://host:7070",
        "id=$(batchsweep submit sweep.toml --wait) && batchsweep results \"$id\"",
    ])]
    Submit(command::submit::Args),

    /// List sweeps, newest first
    #[command(after_help = examples!["batchsweep ls", "batchsweep ls --limit 500 -o json"])]
    Ls(command::ls::Args),

    /// Show one sweep: its state, its grid as a heatmap, what it comes to
    #[command(after_help = examples!["batchsweep show @last", "batchsweep show fashion-mnist-mlp -o json"])]
    Show(command::show::Args),

    /// Watch a sweep until it ends
    #[command(after_help = examples!["batchsweep watch @last", "batchsweep watch 019ab3c4 --timeout 2h"])]
    Watch(command::watch::Args),

    /// Wait until a sweep ends, without a word; for scripts
    #[command(after_help = examples![
        "batchsweep wait @last && batchsweep best @last",
        "batchsweep wait 019ab3c4 --timeout 2h",
    ])]
    Wait(command::wait::Args),

    /// List the trials of a sweep and where each stands
    #[command(after_help = examples!["batchsweep trials @last", "batchsweep trials @last --status failed -o csv"])]
    Trials(command::trials::Args),

    /// Show what a trial said
    #[command(after_help = examples!["batchsweep logs 3", "batchsweep logs 0 --sweep fashion-mnist-mlp"])]
    Logs(command::logs::Args),

    /// Say which batch size and learning rate to train with, and how sure that is
    #[command(after_help = examples!["batchsweep best @last", "batchsweep best fashion-mnist-mlp -o json"])]
    Best(command::best::Args),

    /// Set the best of several sweeps side by side, with what differs in their settings
    #[command(after_help = examples![
        "batchsweep compare sgd-sweep adam-sweep",
        "batchsweep compare fashion-mnist-mlp @last -o csv",
    ])]
    Compare(command::compare::Args),

    /// Show the results of a sweep, one row a trial
    #[command(after_help = examples!["batchsweep results @last", "batchsweep results @last -o csv > results.csv"])]
    Results(command::results::Args),

    /// Show the curves of a sweep, one row a point
    #[command(after_help = examples![
        "batchsweep metrics @last -o csv > metrics.csv",
        "batchsweep metrics @last --trial 2 --name train_loss",
    ])]
    Metrics(command::metrics::Args),

    /// Write a page with plots, or a picture of each plot
    #[command(after_help = examples![
        "batchsweep report @last --out report.html",
        "batchsweep report @last --format png --out figures",
    ])]
    Report(command::report::Args),

    /// Write a sweep as files for notebooks: CSV, Parquet or TensorBoard
    #[command(after_help = examples![
        "batchsweep export @last --format parquet --out data",
        "batchsweep export @last --format tensorboard --out runs && tensorboard --logdir runs",
    ])]
    Export(command::export::Args),

    /// Run one read-only SQL statement on the results
    #[command(after_help = examples![
        "batchsweep sql 'select batch_size, min(train_set_loss) from batchsweep.result group by 1'",
        "psql \"$(batchsweep sql --url)\"",
    ])]
    Sql(command::sql::Args),

    /// Hand out no further trial of a sweep; running ones go on
    #[command(after_help = examples!["batchsweep pause @last", "batchsweep pause fashion-mnist-mlp"])]
    Pause(command::pause::Args),

    /// Hand out the trials of a paused sweep again
    #[command(after_help = examples!["batchsweep resume @last", "batchsweep resume fashion-mnist-mlp"])]
    Resume(command::resume::Args),

    /// End a sweep
    #[command(after_help = examples!["batchsweep cancel @last", "batchsweep cancel @last --drain"])]
    Cancel(command::cancel::Args),

    /// Try failed and cancelled trials of a sweep again
    #[command(after_help = examples!["batchsweep retry @last", "batchsweep retry @last && batchsweep watch @last"])]
    Retry(command::retry::Args),

    /// Add cells to the grid of a sweep; only those are trained that it has not got
    #[command(after_help = examples![
        "batchsweep extend @last --set grid.learning_rate='[1.0, 3.0]'",
        "batchsweep extend mlp-baseline --set grid.seed='[3, 4]'",
    ])]
    Extend(command::extend::Args),

    /// Give a sweep more or less of the workers than others have
    #[command(after_help = examples!["batchsweep weight @last 2", "batchsweep weight fashion-mnist-mlp 0.5"])]
    Weight(command::weight::Args),

    /// Call a sweep by another name
    #[command(after_help = examples!["batchsweep rename @last mlp-baseline", "batchsweep rename 019ab3c4 mlp-wide"])]
    Rename(command::rename::Args),

    /// Give a sweep words to find it by, and take them away
    #[command(after_help = examples!["batchsweep tag @last +paper", "batchsweep tag mlp-baseline -draft +final"])]
    Tag(command::tag::Args),

    /// Remove sweeps with all their results, for ever
    #[command(after_help = examples!["batchsweep rm @last", "batchsweep rm 019ab3c4 mlp-baseline --yes"])]
    Rm(command::rm::Args),

    /// Remove sweeps that ended long ago
    #[command(after_help = examples![
        "batchsweep prune --older-than 90d --keep-tagged",
        "batchsweep prune --older-than 12h --yes",
    ])]
    Prune(command::prune::Args),

    /// List the workers and their devices; take them out of service, and put them back
    #[command(after_help = examples!["batchsweep workers -o json", "batchsweep workers drain gpu-3 --now --wait"])]
    Workers(command::workers::Args),

    /// Start the local stack and leave it running
    #[command(after_help = examples!["batchsweep up", "batchsweep up --workers 2 --memory-limit 512MiB"])]
    Up(command::up::Args),

    /// Stop the local stack; sweeps and results stay
    #[command(after_help = examples!["batchsweep down", "batchsweep down --state-dir /data/batchsweep"])]
    Down(command::down::Args),

    /// Tell what of the local stack runs
    #[command(after_help = examples!["batchsweep status", "batchsweep status -o json"])]
    Status(command::status::Args),

    /// Check what batchsweep needs on this machine, with the fix for what is missing
    #[command(after_help = examples!["batchsweep doctor", "batchsweep doctor --device cuda:0 -o json"])]
    Doctor(command::doctor::Args),

    /// Look into a scripted module before a sweep trains it
    #[command(after_help = examples![
        "batchsweep model check net.pt",
        "batchsweep model check net.pt --input 3,32,32 -o json",
    ])]
    Model(command::model::Args),
    /// Make, list and revoke the tokens that a coordinator asks for; needs one with scope admin
    #[command(after_help = examples![
        "batchsweep token create gpu-3 --scope work --out gpu-3.token",
        "batchsweep token revoke gpu-3",
    ])]
    #[command(subcommand)]
    Token(command::token::Args),

    /// Make a set of certificates for TLS: a CA, a server, a worker, a client
    #[command(after_help = examples![
        "batchsweep certs --out certs",
        "batchsweep certs --out certs --host coordinator.example --host 10.0.0.5",
    ])]
    Certs(command::certs::Args),

    /// Print the JSON schema of the sweep file, for editors and programs
    #[command(after_help = examples![
        "batchsweep schema > sweep.schema.json",
        "batchsweep schema | jq '.[\"$defs\"] | keys'",
    ])]
    Schema,

    /// Print shell completions
    #[command(after_help = examples![
        "batchsweep completions bash > ~/.local/share/bash-completion/completions/batchsweep",
        "batchsweep completions zsh > \"${fpath[1]}/_batchsweep\"",
    ])]
    Completions(command::completions::Args),

    /// Write man pages, one a verb
    #[command(after_help = examples![
        "batchsweep man --out ~/.local/share/man/man1 && man batchsweep-run",
        "batchsweep man --out man && man -l man/batchsweep.1",
    ])]
    Man(command::man::Args),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn shared_flags_stand_before_or_after_the_verb() {
        for line in [
            ["batchsweep", "--coordinator=http://a:1", "ls"],
            ["batchsweep", "ls", "--coordinator=http://a:1"],
        ] {
            assert_eq!(Arguments::parse_from(line).globals.coordinator.as_deref(), Some("http://a:1"));
        }
    }
}
