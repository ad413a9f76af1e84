//! From a verb to what does it.

use clap::CommandFactory;

use crate::arguments::{Arguments, Verb};
use crate::command::{
    best, cancel, certs, compare, completions, doctor, down, export, extend, init, logs, ls, man, metrics,
    model, pause, plan, prune, rename, report, results, resume, retry, rm, run, schema, show, sql, status,
    submit, tag, token, trials, up, wait, watch, weight, workers,
};
use crate::context::{Context, block_on};
use crate::failure::{Exit, Failure};

/// Does what a verb says.
///
/// # Errors
/// Why it was not done.
pub fn run(verb: Verb, context: &Context) -> Result<Exit, Failure> {
    match verb {
        Verb::Run(args) => block_on(run::run(&args, context)),
        Verb::Plan(args) => plan::run(&args, context),
        Verb::Submit(args) => block_on(submit::run(&args, context)),
        Verb::Ls(args) => block_on(ls::run(args, context)),
        Verb::Show(args) => block_on(show::run(&args, context)),
        Verb::Watch(args) => block_on(watch::run(&args, context)),
        Verb::Wait(args) => block_on(wait::run(&args, context)),
        Verb::Trials(args) => block_on(trials::run(&args, context)),
        Verb::Logs(args) => block_on(logs::run(&args, context)),
        Verb::Best(args) => block_on(best::run(&args, context)),
        Verb::Compare(args) => block_on(compare::run(&args, context)),
        Verb::Results(args) => block_on(results::run(&args, context)),
        Verb::Metrics(args) => block_on(metrics::run(&args, context)),
        Verb::Report(args) => block_on(report::run(&args, context)),
        Verb::Export(args) => block_on(export::run(&args, context)),
        Verb::Sql(args) => block_on(sql::run(&args, context)),
        Verb::Pause(args) => block_on(pause::run(&args, context)),
        Verb::Resume(args) => block_on(resume::run(&args, context)),
        Verb::Cancel(args) => block_on(cancel::run(&args, context)),
        Verb::Weight(args) => block_on(weight::run(&args, context)),
        Verb::Retry(args) => block_on(retry::run(&args, context)),
        Verb::Extend(args) => block_on(extend::run(&args, context)),
        Verb::Rename(args) => block_on(rename::run(&args, context)),
        Verb::Tag(args) => block_on(tag::run(&args, context)),
        Verb::Rm(args) => block_on(rm::run(&args, context)),
        Verb::Prune(args) => block_on(prune::run(&args, context)),
        Verb::Workers(args) => block_on(workers::run(&args, context)),
        Verb::Up(args) => block_on(up::run(&args, context)),
        Verb::Down(args) => block_on(down::run(args, context)),
        Verb::Status(args) => block_on(status::run(args, context)),
        Verb::Doctor(args) => doctor::run(&args, context),
        Verb::Model(args) => model::run(&args, context),
        Verb::Token(args) => block_on(token::run(&args, context)),
        Verb::Certs(args) => certs::run(&args, context),
        Verb::Init(args) => init::run(&args, context),
        Verb::Schema => schema::run(),
        Verb::Completions(args) => completions::run(&args, &mut Arguments::command()),
        Verb::Man(args) => man::run(&args, Arguments::command()),
    }
}
