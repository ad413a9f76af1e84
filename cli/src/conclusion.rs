//! The end of a sweep: its table, the grid as a heatmap, what it comes to, and what not to conclude from it.

use domain::analysis::{Analysis, Comparison, Extension, Warning, extension};
use domain::spec::LearningRateAxis;
use proto::v1::SweepState;
use report::wrap::wrap;
use report::{Table, conclusion, heatmap, human, results};

use crate::analysis::AnalyzedSweep;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::talk::{self, Talk, warning};

/// How many warnings are told where they are not what was asked for.
pub const FEW_WARNINGS: usize = 5;

/// How many groups of comparable trials are drawn.
const FEW_GROUPS: usize = 4;

/// Writes the results of a sweep for people; remarks and warnings are set apart on standard error.
///
/// # Errors
/// When standard output does not take it.
pub fn write_results(analyzed: &AnalyzedSweep, talk: Talk) -> Result<(), Failure> {
    table(&analyzed.gathered.results, Format::Table, analyzed.name(), talk)?;
    warn(&analyzed.gathered.analysis.warnings, FEW_WARNINGS, analyzed.name(), talk);
    Ok(())
}

/// Writes the results of a sweep and, for people, what they come to.
///
/// # Errors
/// When standard output does not take it.
pub fn write_end(analyzed: &AnalyzedSweep, format: Format, talk: Talk) -> Result<(), Failure> {
    table(&analyzed.gathered.results, format, analyzed.name(), talk)?;
    if format == Format::Table {
        output::text("\n")?;
        write_conclusion(analyzed, FEW_WARNINGS, talk)?;
    }
    Ok(())
}

/// Writes the grid as a heatmap and what it comes to; tells at most `most` warnings on standard error.
///
/// # Errors
/// When standard output does not take it.
pub fn write_conclusion(analyzed: &AnalyzedSweep, most: usize, talk: Talk) -> Result<(), Failure> {
    let look = output::look();
    output::text(&heatmaps(&analyzed.gathered.analysis))?;
    output::text(&conclusion::render(&analyzed.gathered.analysis.conclusion, look))?;
    warn(&analyzed.gathered.analysis.warnings, most, analyzed.name(), talk);
    advise(analyzed, talk);
    Ok(())
}

/// The command that trains past the edges on which best learning rates sit, once everything has ended.
pub fn advise(analyzed: &AnalyzedSweep, talk: Talk) {
    let Some(settings) = &analyzed.settings else { return };
    // Rates that follow a rule grow by its factors, of which a best rate says nothing.
    let is_scaled = matches!(settings.grid.learning_rate, LearningRateAxis::Scaled { .. });
    let is_cancelled = analyzed.sweep.counts.is_some_and(|counts| counts.cancelled > 0);
    if is_scaled || is_cancelled || analyzed.sweep.state() != SweepState::Finished {
        return;
    }
    let found = analyzed.gathered.analysis.comparisons.iter().find_map(extension);
    if let Some(Extension { batch_sizes, learning_rates }) = found {
        talk.next(format_args!(
            "batchsweep extend {} --set grid.batch_size='{batch_sizes:?}' --set grid.learning_rate='{learning_rates:?}'  \
             (best rates at the edge)",
            analyzed.name()
        ));
    }
}

/// Tells at most so many warnings, and how many more there are.
pub fn warn(warnings: &[Warning], most: usize, sweep: &str, talk: Talk) {
    if !warnings.is_empty() {
        talk.say("");
    }
    for Warning { id, message } in warnings.iter().take(most) {
        warn_of(&format!("{message} [{id}]"), talk);
    }
    if warnings.len() > most {
        let more = human::count((warnings.len() - most) as u64, "more warning");
        talk.say(format_args!("({more}: batchsweep best {sweep})"));
    }
}

/// Shows one warning, broken into lines.
pub fn warn_of(text: &str, talk: Talk) {
    const SIGN: &str = "warning: ";
    let lines = wrap(&format!("{SIGN}{text}"), talk::width(), 0);
    talk.say(warning(lines.trim_start_matches(SIGN).trim_end()));
}

/// One heatmap a group of comparable trials that has a grid, the one chosen from first where there are too many to draw
/// all.
fn heatmaps(analysis: &Analysis) -> String {
    let look = output::look();
    let mut drawn: Vec<(&Comparison, String)> = analysis
        .comparisons
        .iter()
        .map(|own| (own, heatmap::render(&own.grid, &own.best, look)))
        .filter(|(_, map)| !map.is_empty())
        .collect();
    let left_out = drawn.len().saturating_sub(FEW_GROUPS);
    if left_out > 0 {
        let chosen = analysis.conclusion.choice.as_ref().map(|choice| choice.group.as_str());
        drawn.sort_by_key(|(own, _)| Some(own.label.as_str()) != chosen);
        drawn.truncate(FEW_GROUPS);
    }
    let mut out = String::new();
    for (own, map) in drawn {
        if !own.label.is_empty() {
            out.push_str(&own.label);
            out.push('\n');
        }
        out.push_str(&map);
        out.push('\n');
    }
    if left_out > 0 {
        out.push_str(&format!(
            "({} left out; -o csv has all)\n\n",
            human::count(left_out as u64, "more grid")
        ));
    }
    out
}

/// People see what was trained; programs all trials.
fn table(table: &Table, format: Format, sweep: &str, talk: Talk) -> Result<(), Failure> {
    let (trained, skipped) = results::without_skipped(table);
    output::table(format, table, |_| results::sheet(&trained))?;
    if format != Format::Table || talk == Talk::Quiet {
        return Ok(());
    }
    if skipped > 0 {
        let trials = human::count(skipped as u64, "trial");
        talk.say(format_args!(
            "({trials} left out by the search; why: batchsweep show {sweep} --why BATCH_SIZE@LEARNING_RATE)"
        ));
    }
    let hidden = results::sheet(&trained).hidden_at(output::look().width);
    if hidden > 0 {
        talk.say(format_args!(
            "({} did not fit; -o csv and -o json have all)",
            human::count(hidden as u64, "column")
        ));
    }
    let remarks = results::remarks(table);
    if !remarks.is_empty() {
        talk.say("");
    }
    few(&remarks).iter().for_each(|remark| talk.say(wrap(remark, talk::width(), 2).trim_end()));
    Ok(())
}

/// The first few of many. Of several with a traceback each, one shows where to look.
fn few(remarks: &[String]) -> Vec<String> {
    const MOST: usize = 8;
    let first_line = |remark: &String| remark.lines().next().unwrap_or_default().to_owned();
    // A line of others must not look like one of ours.
    let whole = remarks.iter().take(1).map(|remark| remark.replace('\n', "\n    "));
    let mut shown: Vec<String> = whole.chain(remarks.iter().take(MOST).skip(1).map(first_line)).collect();
    if remarks.len() > MOST {
        shown.push(format!("and {} more; all are in the column `error` of -o csv", remarks.len() - MOST));
    }
    shown
}
