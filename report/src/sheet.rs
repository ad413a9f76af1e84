//! Columns of text that fit a terminal: numbers to the right, headers in one or two lines, and where it gets too
//! narrow the least important columns left out, never a wrapped row.

use domain::text::is_printable;
use unicode_width::UnicodeWidthStr;

/// A table of short texts.
#[derive(Debug, Clone, Default)]
pub struct Sheet {
    /// The columns in order.
    pub columns: Vec<SheetColumn>,
    /// The rows in order, each with one cell a column.
    pub rows: Vec<Vec<Cell>>,
}

/// How the texts of one column are headed and placed.
#[derive(Debug, Clone)]
pub struct SheetColumn {
    /// The header; a `\n` breaks it into lines.
    pub title: String,
    /// Which side the texts keep to.
    pub align: Align,
    /// Who goes first where the terminal is narrow: the highest number. 0 always stays.
    pub rank: u32,
}

/// Which side the texts of a column keep to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// For words.
    Left,
    /// For numbers, so that their digits line up.
    Right,
}

/// A text and what it means.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cell {
    /// The text, one line.
    pub text: String,
    /// What it means.
    pub tone: Tone,
}

/// What a text means; shown as a colour where there is colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// Nothing special.
    #[default]
    Plain,
    /// Went well: green.
    Good,
    /// A result to look at twice: yellow.
    Odd,
    /// Went wrong: red.
    Bad,
    /// Under way: cyan.
    Busy,
    /// Of little interest: dim.
    Faint,
}

/// What a sheet is drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Columns of the terminal; `None` for no limit, as in a pipe.
    pub width: Option<usize>,
    /// Whether to use ANSI colours.
    pub color: bool,
}

impl Look {
    /// No limit, no colour.
    pub const PLAIN: Self = Self { width: None, color: false };
}

const GAP: &str = "  ";

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, tone: Tone::Plain }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl SheetColumn {
    /// A column of words.
    #[must_use]
    pub fn words(title: &str, rank: u32) -> Self {
        Self { title: title.to_owned(), align: Align::Left, rank }
    }

    /// A column of numbers.
    #[must_use]
    pub fn numbers(title: &str, rank: u32) -> Self {
        Self { title: title.to_owned(), align: Align::Right, rank }
    }
}

impl Sheet {
    /// The same without columns that are empty in every row; there are none to leave out when there is no row.
    #[must_use]
    pub fn without_empty_columns(mut self) -> Self {
        if self.rows.is_empty() {
            return self;
        }
        let keep: Vec<bool> = (0..self.columns.len())
            .map(|index| self.rows.iter().any(|row| row.get(index).is_some_and(|cell| !cell.text.is_empty())))
            .collect();
        self.keep(&keep);
        self
    }

    /// The sheet as text, each line ended; nothing at all without a column.
    #[must_use]
    pub fn render(&self, look: Look) -> String {
        let mut fitting = self.clone();
        for row in &mut fitting.rows {
            row.iter_mut().for_each(|cell| cell.text = one_line(&cell.text));
        }
        if let Some(width) = look.width {
            fitting.shrink_to(width);
        }
        let widths = fitting.widths();
        let mut out = fitting.header(&widths, look.color);
        for row in &fitting.rows {
            let cells = fitting.columns.iter().zip(row).zip(&widths);
            let texts = cells.map(|((column, cell), &width)| (cell, pad(&cell.text, width, column.align)));
            push_line(&mut out, texts.map(|(cell, text)| (text, cell.tone.style())), look.color);
        }
        out
    }

    /// How many columns a width leaves out.
    #[must_use]
    pub fn hidden_at(&self, width: Option<usize>) -> usize {
        let mut fitting = self.clone();
        if let Some(width) = width {
            fitting.shrink_to(width);
        }
        self.columns.len() - fitting.columns.len()
    }

    fn header(&self, widths: &[usize], color: bool) -> String {
        let height = self.columns.iter().map(|column| column.title.lines().count()).max().unwrap_or(0);
        let mut out = String::new();
        for line in 0..height {
            let texts = self.columns.iter().zip(widths).map(|(column, &width)| {
                let lines: Vec<&str> = column.title.lines().collect();
                // Short headers sit at the bottom, next to their numbers.
                let text =
                    (line + lines.len()).checked_sub(height).and_then(|at| lines.get(at)).unwrap_or(&"");
                (pad(text, width, column.align), "1")
            });
            push_line(&mut out, texts, color);
        }
        out
    }

    fn widths(&self) -> Vec<usize> {
        let title =
            |column: &SheetColumn| column.title.lines().map(UnicodeWidthStr::width).max().unwrap_or(0);
        let mut widths: Vec<usize> = self.columns.iter().map(title).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.text.width());
            }
        }
        widths
    }

    /// Leaves out columns, highest rank first, until the rest fits; at last cuts the widest column of words.
    fn shrink_to(&mut self, limit: usize) {
        let widths = self.widths();
        let mut keep = vec![true; widths.len()];
        let mut by_rank: Vec<usize> =
            (0..widths.len()).filter(|&index| self.columns[index].rank > 0).collect();
        by_rank.sort_by_key(|&index| (self.columns[index].rank, index));
        let total = |keep: &[bool]| {
            let kept = widths.iter().zip(keep).filter(|(_, keep)| **keep);
            kept.map(|(width, _)| width + GAP.len()).sum::<usize>().saturating_sub(GAP.len())
        };
        while total(&keep) > limit
            && let Some(last) = by_rank.pop()
        {
            keep[last] = false;
        }
        let excess = total(&keep).saturating_sub(limit);
        self.keep(&keep);
        if excess > 0 {
            let widths: Vec<usize> =
                widths.into_iter().zip(keep).filter(|(_, keep)| *keep).map(|(w, _)| w).collect();
            self.cut_words(&widths, excess);
        }
    }

    fn cut_words(&mut self, widths: &[usize], excess: usize) {
        const SHORTEST: usize = 8;
        let words = self.columns.iter().zip(widths).enumerate();
        let widest = words
            .filter(|(_, (column, _))| column.align == Align::Left)
            .max_by_key(|(_, (_, width))| **width);
        let Some((index, (_, &width))) = widest else { return };
        let room = width.saturating_sub(excess).max(SHORTEST);
        for cell in self.rows.iter_mut().filter_map(|row| row.get_mut(index)) {
            cell.text = cut(&cell.text, room);
        }
    }

    fn keep(&mut self, keep: &[bool]) {
        let mut index = 0..keep.len();
        self.columns.retain(|_| index.next().is_some_and(|index| keep[index]));
        for row in &mut self.rows {
            let mut index = 0..keep.len();
            row.retain(|_| index.next().is_some_and(|index| keep[index]));
        }
    }
}

impl Tone {
    /// The ANSI parameters; empty for none.
    fn style(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Good => "32",
            Self::Odd => "33",
            Self::Bad => "31",
            Self::Busy => "36",
            Self::Faint => "2",
        }
    }
}

/// One line; styles leave the padding alone, and nothing trails.
fn push_line<'a>(out: &mut String, texts: impl Iterator<Item = (String, &'a str)>, color: bool) {
    let start = out.len();
    for (index, (text, style)) in texts.enumerate() {
        if index > 0 {
            out.push_str(GAP);
        }
        let word = text.trim();
        if color && !style.is_empty() && !word.is_empty() {
            let (left, rest) = text.split_at(text.find(word).unwrap_or(0));
            let right = &rest[word.len()..];
            out.push_str(&format!("{left}\x1b[{style}m{word}\x1b[0m{right}"));
        } else {
            out.push_str(&text);
        }
    }
    let end = start + out[start..].trim_end().len();
    out.truncate(end);
    out.push('\n');
}

fn pad(text: &str, width: usize, align: Align) -> String {
    let padding = " ".repeat(width.saturating_sub(text.width()));
    match align {
        Align::Left => format!("{text}{padding}"),
        Align::Right => format!("{padding}{text}"),
    }
}

/// Control characters would tear the table (and may come from a user's file): they become spaces.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || !is_printable(c) { ' ' } else { c }).collect()
}

fn cut(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        if format!("{short}{c}").width() + 1 > room {
            break;
        }
        short.push(c);
    }
    format!("{}…", short.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sheet() -> Sheet {
        Sheet {
            columns: vec![
                SheetColumn::numbers("batch\nsize", 0),
                SheetColumn::words("status", 0),
                SheetColumn::numbers("steps", 1),
                SheetColumn::numbers("nothing", 2),
            ],
            rows: vec![
                vec![
                    "1".into(),
                    Cell { text: "succeeded".to_owned(), tone: Tone::Good },
                    "3,000".into(),
                    "".into(),
                ],
                vec!["1024".into(), "running".into(), "3".into(), "".into()],
            ],
        }
    }

    #[test]
    fn numbers_stand_to_the_right_and_headers_at_the_bottom() {
        insta::assert_snapshot!(sheet().without_empty_columns().render(Look::PLAIN), @r"
        batch
         size  status     steps
            1  succeeded  3,000
         1024  running        3
        ");
    }

    #[test]
    fn a_narrow_terminal_loses_the_least_important_columns_then_cuts_words() {
        let at = |width| Look { width: Some(width), color: false };
        insta::assert_snapshot!(sheet().render(at(24)), @r"
        batch
         size  status     steps
            1  succeeded  3,000
         1024  running        3
        ");
        insta::assert_snapshot!(sheet().render(at(15)), @r"
        batch
         size  status
            1  succeed…
         1024  running
        ");
        assert_eq!(sheet().hidden_at(Some(24)), 1);
    }

    #[test]
    fn colour_changes_no_width() {
        let colored = sheet().render(Look { width: None, color: true });
        assert!(colored.contains("\x1b[32msucceeded\x1b[0m  3,000"), "{colored:?}");
    }

    proptest! {
        #[test]
        fn no_text_tears_the_table(text in any::<String>(), width in 0usize..40) {
            let mut sheet = sheet();
            sheet.rows[0][1].text = text;
            let shown = sheet.render(Look { width: Some(width), color: false });
            prop_assert_eq!(shown.matches('\n').count(), 4);
        }
    }
}
