//! `report`: a sweep as one page, or as pictures.

use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use proto::Reason;
use proto::v1::{QueryRequest, Sweep, View};
use report::page::{Report, SweepFacts};
use report::{Table, human};

use crate::analysis::{self, AnalyzedSweep};
use crate::context::Context;
use crate::coordinator::rows;
use crate::coordinator::session::{self, Purpose, Session};
use crate::failure::{Exit, Failure};
use crate::timestamp;
use crate::{output, png};

use super::ls;

/// Arguments of `report`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The sweep: id, unique prefix of it, name, or @last
    #[arg(value_name = "SWEEP")]
    sweep: String,

    /// Where to write: a file for html (- for standard output), a folder for svg and png
    #[arg(long, value_name = "PATH")]
    out: PathBuf,

    /// What to write: html for one page, svg or png for a picture of each plot
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Html)]
    #[arg(hide_possible_values = true)]
    format: Format,
}

impl Args {
    /// A page named like a picture is a slip that would only show when something opens it.
    fn check(&self) -> Result<(), Failure> {
        let extension = self.out.extension().and_then(|extension| extension.to_str());
        match (self.format, extension) {
            (Format::Html, Some(picture @ ("png" | "svg"))) => Err(Failure::usage(format!(
                "{} is named like a picture, but the format is html",
                self.out.display()
            ))
            .hint(format!("for pictures, name a folder: --format {picture} --out figures"))),
            _ => Ok(()),
        }
    }
}

/// What to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One page
    Html,
    /// Vector pictures
    Svg,
    /// Bitmap pictures
    Png,
}

/// Runs the verb.
///
/// # Errors
/// When there is no such sweep, no coordinator, or the file cannot be written.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    args.check()?;
    let report = session::with(context, Purpose::Stored, async |session| {
        let AnalyzedSweep { sweep, gathered, .. } = analysis::fetch(session, &args.sweep).await?;
        let workers = rows::list(&mut session.client, View::Worker, &sweep.sweep_id, "").await;
        let workers = workers.map_err(|status| session.refused(&status))?;
        let report = Report::new(facts(sweep), gathered, workers);
        let mut curves = Vec::new();
        for query in report.curve_queries() {
            curves.push(curves_of(session, query, context).await?);
        }
        Ok(report.with_curves(curves))
    })
    .await?;
    match args.format {
        Format::Html => write_page(&report, &args.out, context)?,
        Format::Svg | Format::Png => write_pictures(&report, args, context)?,
    }
    Ok(Exit::Success)
}

/// The curves, thinned where they are stored. A report without them is still one, so that a statement which takes too long
/// costs the curves and not the report.
async fn curves_of(session: &mut Session, sql: String, context: &Context) -> Result<Table, Failure> {
    match session.client.query(QueryRequest { sql }).await {
        Ok(answer) => {
            let answer = answer.into_inner();
            if answer.truncated {
                context.talk.warn("the curves have too many points; some are left out of the report");
            }
            Ok(proto::table::from_wire(answer.table.unwrap_or_default()))
        }
        Err(status) if Reason::of(&status) == Some(Reason::QueryFailed) => {
            context.talk.warn(format_args!("the report is without loss curves: {}", status.message()));
            Ok(Table::default())
        }
        Err(status) => Err(session.refused(&status)),
    }
}

fn facts(sweep: Sweep) -> SweepFacts {
    SweepFacts {
        state: ls::state(sweep.state()).to_owned(),
        created_at: sweep.created_at.as_ref().map(timestamp::text).unwrap_or_default(),
        finished_at: sweep.finished_at.as_ref().map(timestamp::text).unwrap_or_default(),
        written_at: timestamp::text(&std::time::SystemTime::now().into()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        sweep_id: sweep.sweep_id,
        name: sweep.name,
        source: sweep.source,
    }
}

fn write_page(report: &Report, path: &Path, context: &Context) -> Result<(), Failure> {
    let page = report.html();
    if path == Path::new("-") {
        return output::text(&page);
    }
    write(path, page.as_bytes())?;
    context.talk.say(format_args!("wrote {} ({})", path.display(), human::bytes(page.len() as u64)));
    Ok(())
}

fn write_pictures(report: &Report, args: &Args, context: &Context) -> Result<(), Failure> {
    let folder = &args.out;
    fs::create_dir_all(folder)
        .map_err(|error| Failure::io(format_args!("cannot make the folder {}", folder.display()), &error))?;
    let pictures = report.pictures();
    for picture in &pictures {
        let (name, bytes) = match args.format {
            Format::Png => {
                let bitmap = png::render(&picture.svg, png::SCALE);
                let bytes = bitmap.map_err(|error| {
                    Failure::failed(format!("cannot draw {} as PNG: {error}", picture.name))
                        .hint("--format svg writes the same pictures as vectors")
                })?;
                (format!("{}.png", picture.name), bytes)
            }
            Format::Svg | Format::Html => (format!("{}.svg", picture.name), picture.svg.clone().into_bytes()),
        };
        write(&folder.join(name), &bytes)?;
    }
    let count = human::count(pictures.len() as u64, "picture");
    context.talk.say(format_args!("wrote {count} to {}", folder.display()));
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    fs::write(path, bytes)
        .map_err(|error| Failure::io(format_args!("cannot write {}", path.display()), &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(out: &str, format: Format) -> Result<(), Failure> {
        Args { sweep: "@last".to_owned(), out: out.into(), format }.check()
    }

    #[test]
    fn a_page_is_not_named_like_a_picture() {
        let failure = check("report.png", Format::Html).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert_eq!(failure.hint.unwrap(), "for pictures, name a folder: --format png --out figures");
        assert!(check("report.html", Format::Html).is_ok());
        assert!(check("-", Format::Html).is_ok());
        assert!(check("figures", Format::Png).is_ok());
    }
}
