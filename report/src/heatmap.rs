//! The grid of a sweep in a terminal: batch sizes down, learning rates across, each cell its median score. Colour
//! only adds to what the texts say: the best of each batch size, and cells without a score, are marked by signs.

use domain::analysis::{BestRate, Cell, CellState, Grid, ScoreMetric};
use unicode_width::UnicodeWidthStr;

use crate::human;
use crate::shades::Scale;
use crate::sheet::Look;
use crate::wrap::wrap;

/// How much of a score a narrow terminal shows: significant digits, then one digit of ten steps from best to worst.
const DIGITS: [usize; 3] = [4, 3, 2];

/// From best to worst: colours of the 256-colour palette, light on one end and dark on the other, told apart also
/// without hue.
const SHADES: [u8; 10] = [230, 193, 150, 114, 72, 66, 60, 59, 236, 234];

/// Shades from here on are dark: their text is light.
const FIRST_DARK: usize = 5;

/// The heatmap, each line ended; empty where no batch size was given two learning rates, since then there is no
/// grid to draw.
#[must_use]
pub fn render(grid: &Grid, best: &[BestRate], look: Look) -> String {
    if grid.batch_sizes().iter().all(|&size| grid.row(size).len() < 2) {
        return String::new();
    }
    let map = Map { grid, best, scale: Scale::of(grid.cells.iter()) };
    let forms = DIGITS
        .map(Form::Score)
        .into_iter()
        .chain([Form::Step { spaced: true }, Form::Step { spaced: false }]);
    let fits = |form: &Form| look.width.is_none_or(|width| map.width(*form) <= width);
    let rates = grid.learning_rates();
    match forms.into_iter().find(fits) {
        Some(form) => map.draw(form, 1, look),
        None => match map.together(look.width.unwrap_or(usize::MAX)) {
            Some(together) => map.draw(Form::Step { spaced: false }, together, look),
            None => format!(
                "(the grid of {} learning rates is wider than this terminal; -o csv has all)\n",
                rates.len()
            ),
        },
    }
}

/// A grid drawn in fewer columns says nothing.
const FEWEST_COLUMNS: usize = 10;

/// What a cell shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The score, with so many significant digits.
    Score(usize),
    /// 0 for the best score of the grid to 9 for the worst.
    Step {
        /// Whether a space stands between the columns.
        spaced: bool,
    },
}

struct Map<'a> {
    grid: &'a Grid,
    best: &'a [BestRate],
    scale: Scale,
}

impl Map<'_> {
    fn is_best(&self, cell: &Cell) -> bool {
        let is_it =
            |best: &BestRate| best.batch_size == cell.batch_size && best.learning_rate == cell.learning_rate;
        // A row that is half done has no best yet.
        self.best.iter().any(|best| is_it(best) && best.is_complete)
    }

    /// 0 for the best to 9 for the worst: of the grid, or of its batch size where only that compares.
    fn step(&self, cell: &Cell, score: f64) -> usize {
        if self.is_by_row() {
            Scale::of(self.grid.row(cell.batch_size).into_iter()).step(score)
        } else {
            self.scale.step(score)
        }
    }

    /// Large batches take fewer steps, whatever the learning rate.
    fn is_by_row(&self) -> bool {
        self.grid.metric == ScoreMetric::StepsToTarget
    }

    fn cell(&self, batch_size: u64, learning_rate: f64) -> Option<&Cell> {
        let is_it = |cell: &&Cell| cell.batch_size == batch_size && cell.learning_rate == learning_rate;
        self.grid.cells.iter().find(is_it)
    }

    fn text(&self, cell: &Cell, form: Form) -> String {
        let star = if self.is_best(cell) { "*" } else { "" };
        match (cell.median, form) {
            // Steps are whole, give or take a median of two.
            (Some(steps), Form::Score(_)) if self.is_by_row() => {
                format!("{star}{}", steps.round())
            }
            (Some(score), Form::Score(digits)) => format!("{star}{}", human::significant(score, digits)),
            (Some(_), Form::Step { .. }) if !star.is_empty() => star.to_owned(),
            (Some(score), Form::Step { .. }) => self.step(cell, score).to_string(),
            (None, _) => sign(cell.state()).to_owned(),
        }
    }

    fn heading(learning_rate: f64, form: Form) -> String {
        match form {
            // As typed, but no longer than the scores below it.
            Form::Score(digits) => {
                let rounded =
                    human::significant(learning_rate, digits.max(3)).parse().unwrap_or(learning_rate);
                human::exact(rounded)
            }
            Form::Step { .. } => String::new(),
        }
    }

    /// The width of each column; all are as wide as the widest.
    fn column(&self, form: Form) -> usize {
        let rates = self.grid.learning_rates();
        let headings = rates.iter().map(|&rate| Self::heading(rate, form).width());
        let cells = self.grid.cells.iter().map(|cell| self.text(cell, form).width());
        headings.chain(cells).max().unwrap_or(0)
    }

    fn gap(form: Form) -> usize {
        match form {
            Form::Score(_) => 2,
            Form::Step { spaced } => usize::from(spaced),
        }
    }

    /// The width of the batch sizes at the left.
    fn margin(&self) -> usize {
        let sizes = self.grid.batch_sizes();
        sizes.iter().map(|size| size.to_string().width()).max().unwrap_or(0).max("batch".width())
    }

    fn width(&self, form: Form) -> usize {
        let columns = self.grid.learning_rates().len();
        let between = if Self::gap(form) == 0 { 2 } else { 0 };
        self.margin() + between + columns * (Self::gap(form) + self.column(form))
    }

    /// How many neighbouring learning rates must share a column for the grid to fit.
    fn together(&self, width: usize) -> Option<usize> {
        let room = width.checked_sub(self.margin() + 2).filter(|&room| room >= FEWEST_COLUMNS)?;
        Some(self.grid.learning_rates().len().div_ceil(room))
    }

    /// The cell that stands for some neighbouring learning rates: the best of the row, else the lowest score, else any.
    fn cell_of(&self, batch_size: u64, rates: &[f64]) -> Option<&Cell> {
        let cells = rates.iter().filter_map(|&rate| self.cell(batch_size, rate));
        let score = |cell: &Cell| match cell.median {
            _ if self.is_best(cell) => f64::NEG_INFINITY,
            Some(score) => score,
            None => f64::INFINITY,
        };
        cells.min_by(|left, right| score(left).total_cmp(&score(right)))
    }

    fn draw(&self, form: Form, together: usize, look: Look) -> String {
        let rates = self.grid.learning_rates();
        let (column, margin) = (self.column(form), self.margin());
        let gap = " ".repeat(Self::gap(form));
        let between = if gap.is_empty() { "  " } else { "" };
        let mut out = wrap(&self.title(form, together), look.width, 0);
        let mut line = |text: &str| {
            out.push_str(text.trim_end());
            out.push('\n');
        };
        if matches!(form, Form::Score(_)) {
            let headings = rates.iter().map(|&rate| format!("{gap}{:>column$}", Self::heading(rate, form)));
            line(&format!("{:>margin$}{}", "batch", headings.collect::<String>()));
        }
        for size in self.grid.batch_sizes() {
            let mut row = format!("{size:>margin$}{between}");
            for rates in rates.chunks(together) {
                row.push_str(&gap);
                match self.cell_of(size, rates) {
                    Some(cell) => {
                        let text = format!("{:>column$}", self.text(cell, form));
                        row.push_str(&if look.color { self.painted(cell, &text) } else { text });
                    }
                    None => row.push_str(&" ".repeat(column)),
                }
            }
            line(&row);
        }
        out + &wrap(&self.legend(form).join(", "), look.width, 0)
    }

    fn title(&self, form: Form, together: usize) -> String {
        let name = self.grid.metric.name();
        let rates = self.grid.learning_rates();
        match (form, rates.first(), rates.last()) {
            (Form::Step { .. }, Some(&first), Some(&last)) => format!(
                "{name}, median over seeds: batch size down, learning rate {} to {} across{}",
                human::exact(first),
                human::exact(last),
                if together > 1 { format!(", the best of {together} in each place") } else { String::new() }
            ),
            _ => format!("{name}, median over seeds: batch size down, learning rate across"),
        }
    }

    fn painted(&self, cell: &Cell, text: &str) -> String {
        let style = match cell.median {
            Some(score) => {
                let step = self.step(cell, score);
                let ink = if step >= FIRST_DARK { 255 } else { 16 };
                let bold = if self.is_best(cell) { "1;" } else { "" };
                format!("{bold}38;5;{ink};48;5;{}", SHADES[step])
            }
            None if matches!(cell.state(), CellState::Open | CellState::Skipped) => "2".to_owned(),
            None if cell.state() == CellState::Failed => "31".to_owned(),
            None => "33".to_owned(),
        };
        format!("\x1b[{style}m{text}\x1b[0m")
    }

    /// The signs that occur, and only those.
    fn legend(&self, form: Form) -> Vec<String> {
        let mut legend = vec!["* best of its batch size".to_owned()];
        if matches!(form, Form::Step { .. }) {
            let of_row = if self.is_by_row() { " of its batch size" } else { "" };
            legend.push(format!("0 best score to 9 worst{of_row}"));
        }
        for (state, meaning) in [
            (CellState::Diverged, "diverged"),
            (CellState::NotFinite, "loss not finite"),
            (CellState::Missed, "did not meet the target"),
            (CellState::Infeasible, "does not fit in memory"),
            (CellState::Open, "not ended"),
            (CellState::Stopped, "ended early"),
            (CellState::Failed, "failed or cancelled"),
            (CellState::Skipped, "left out by the search"),
        ] {
            if self.grid.cells.iter().any(|cell| cell.state() == state) {
                legend.push(format!("{} {meaning}", sign(state)));
            }
        }
        if self.grid.batch_sizes().len() * self.grid.learning_rates().len() > self.grid.cells.len() {
            legend.push("blank: not tried".to_owned());
        }
        legend
    }
}

/// The sign of a cell without a score.
fn sign(state: CellState) -> &'static str {
    match state {
        CellState::Scored => "",
        CellState::Diverged => "x",
        CellState::NotFinite => "n",
        CellState::Missed => ">",
        CellState::Infeasible => "m",
        CellState::Open => ".",
        CellState::Stopped => "/",
        CellState::Failed => "!",
        CellState::Skipped => "-",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::analysis::{TrialRecord, analyze};
    use domain::lifecycle::TrialStatus;
    use domain::spec::TrainSpec;
    use proptest::prelude::*;

    fn scored(batch_size: u64, learning_rate: f64, score: f64) -> TrialRecord {
        TrialRecord {
            train_set_loss: Some(score),
            ..TrialRecord::new(batch_size, learning_rate, 0, TrialStatus::Succeeded)
        }
    }

    fn draw(records: &[TrialRecord], width: Option<usize>, color: bool) -> String {
        let analysis = analyze(records, None);
        let comparison = &analysis.comparisons[0];
        render(&comparison.grid, &comparison.best, Look { width, color })
    }

    fn records() -> Vec<TrialRecord> {
        let mut records = vec![
            scored(32, 0.01, 0.9123),
            scored(32, 0.0316228, 0.51234),
            scored(32, 0.1, 0.4),
            TrialRecord::new(32, 0.316228, 0, TrialStatus::Diverged),
            scored(1024, 0.01, 2.1),
            scored(1024, 0.0316228, 1.41),
            TrialRecord::new(1024, 0.1, 0, TrialStatus::Running),
            TrialRecord::new(1024, 0.316228, 0, TrialStatus::Failed),
        ];
        records
            .extend([0.01, 0.0316228].map(|rate| TrialRecord::new(65536, rate, 0, TrialStatus::Infeasible)));
        records
    }

    #[test]
    fn a_grid_is_read_without_colour() {
        insta::assert_snapshot!(draw(&records(), None, false), @"
        train-set loss, median over seeds: batch size down, learning rate across
        batch     0.01  0.03162      0.1   0.3162
           32   0.9123   0.5123  *0.4000        x
         1024    2.100    1.410        .        !
        65536        m        m
        * best of its batch size, x diverged, m does not fit in memory, . not ended, ! failed or cancelled, blank: not tried
        ");
    }

    #[test]
    fn a_narrow_terminal_loses_digits_before_columns() {
        insta::assert_snapshot!(draw(&records(), Some(37), false), @"
        train-set loss, median over seeds:
        batch size down, learning rate across
        batch    0.01  0.0316     0.1   0.316
           32   0.912   0.512  *0.400       x
         1024    2.10    1.41       .       !
        65536       m       m
        * best of its batch size, x diverged,
        m does not fit in memory, . not
        ended, ! failed or cancelled, blank:
        not tried
        ");
        insta::assert_snapshot!(draw(&records(), Some(33), false), @"
        train-set loss, median over
        seeds: batch size down, learning
        rate 0.01 to 0.316228 across
           32 5 1 * x
         1024 9 9 . !
        65536 m m
        * best of its batch size, 0 best
        score to 9 worst, x diverged, m
        does not fit in memory, . not
        ended, ! failed or cancelled,
        blank: not tried
        ");
        assert!(draw(&records(), Some(8), false).contains("wider than this terminal"));
    }

    #[test]
    fn a_grid_wider_than_the_terminal_is_drawn_with_the_best_of_neighbouring_rates() {
        let rate = |index: i32| (1e6 * 0.001 * 1.1_f64.powi(index)).round() / 1e6;
        let loss = |index: i32, best: i32| 0.4 * (1.0 + 0.02 * f64::from((index - best).pow(2)));
        let of = |size, best| (0..40).map(move |index| scored(size, rate(index), loss(index, best)));
        let records: Vec<TrialRecord> = of(8, 13).chain(of(64, 30)).collect();
        insta::assert_snapshot!(draw(&records, Some(23), false), @"
        train-set loss, median
        over seeds: batch size
        down, learning rate
        0.001 to 0.041145
        across, the best of 3
        in each place
            8  8520*025899999
           64  9999997420*136
        * best of its batch
        size, 0 best score to 9
        worst
        ");
    }

    #[test]
    fn colour_changes_no_text() {
        let colored = draw(&records(), None, true);
        assert!(colored.contains("\x1b[1;38;5;16;48;5;230m*0.4000\x1b[0m"), "{colored:?}");
        let parts = colored.split('\x1b').map(|part| {
            part.split_once('m').filter(|_| part.starts_with('[')).map_or(part, |(_, text)| text)
        });
        assert_eq!(parts.collect::<String>(), draw(&records(), None, false));
    }

    #[test]
    fn steps_to_the_target_are_shaded_within_their_batch_size() {
        let met =
            |batch_size, rate, steps| TrialRecord { steps_to_target: steps, ..scored(batch_size, rate, 0.5) };
        let records = [
            met(8, 0.1, Some(400)),
            met(8, 0.2, Some(900)),
            met(8, 0.4, None),
            met(512, 0.1, Some(40)),
            met(512, 0.2, Some(30)),
            met(512, 0.4, Some(60)),
        ];
        let train = TrainSpec { stop_at_target: true, ..TrainSpec::default() };
        let analysis = analyze(&records, Some(&train));
        let comparison = &analysis.comparisons[0];
        let draw = |width| render(&comparison.grid, &comparison.best, Look { width, color: false });
        insta::assert_snapshot!(draw(None), @"
        steps to target, median over seeds: batch size down, learning rate across
        batch   0.1   0.2   0.4
            8  *400   900     >
          512    40   *30    60
        * best of its batch size, > did not meet the target
        ");
        assert!(draw(Some(16)).contains("    8 * 9 >\n  512 4 * 9\n"), "{}", draw(Some(16)));
    }

    #[test]
    fn one_learning_rate_each_is_no_grid() {
        assert_eq!(draw(&[scored(1, 0.1, 0.5), scored(32, 0.2, 0.4)], None, false), "");
    }

    proptest! {
        #[test]
        fn no_line_of_the_grid_is_wider_than_the_terminal(
            scores in prop::collection::vec(prop::option::of(0.0f64..1e6), 2..40), width in 30usize..100,
        ) {
            let records: Vec<TrialRecord> = scores.iter().enumerate().map(|(index, score)| {
                let (size, rate) = (1 << (index % 3), 0.001 * (index / 3 + 1) as f64);
                score.map_or_else(
                    || TrialRecord::new(size, rate, 0, TrialStatus::Diverged),
                    |score| scored(size, rate, score),
                )
            }).collect();
            let drawn = draw(&records, Some(width), false);
            for line in drawn.lines() {
                prop_assert!(line.width() <= width, "{}", line);
            }
        }
    }
}
