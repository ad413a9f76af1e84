//! The pieces of the report one by one, for a page that shows a sweep while it runs and replaces what has changed.

use maud::Markup;

use super::{Report, html};
use crate::plot::theme;
use crate::table::Table;

/// A figure as part of some page.
#[derive(Debug, Clone)]
pub struct DrawnFigure {
    /// What it is called within the page.
    pub id: String,
    /// The figure, with its table and its SQL.
    pub markup: Markup,
}

/// A section as part of some page.
#[derive(Debug, Clone)]
pub struct DrawnSection {
    /// The values of the axes that set it apart; empty where there is one section only.
    pub label: String,
    /// In the order of the page.
    pub figures: Vec<DrawnFigure>,
    /// Which figures there are no numbers for, and why; `None` where all are there.
    pub absent: Option<Markup>,
}

/// The style sheet of pages with these parts, for plots whose series have so many members.
#[must_use]
pub fn style(series: usize) -> String {
    format!("{}{}", theme::page_css(series), include_str!("page.css"))
}

impl Report {
    /// What the trials so far come to, in words.
    #[must_use]
    pub fn conclusion(&self) -> Markup {
        html::conclusion(self)
    }

    /// Its rows of view `result`.
    #[must_use]
    pub fn into_results(self) -> Table {
        self.results
    }

    /// The figures, drawn.
    #[must_use]
    pub fn drawn(&self) -> Vec<DrawnSection> {
        let draw = |section: super::Section| DrawnSection {
            label: section.label,
            figures: section
                .figures
                .iter()
                .map(|figure| DrawnFigure { id: figure.id.clone(), markup: html::draw_figure(figure) })
                .collect(),
            absent: (!section.absent.is_empty()).then(|| html::absent(&section.absent)),
        };
        self.sections().into_iter().map(draw).collect()
    }
}
