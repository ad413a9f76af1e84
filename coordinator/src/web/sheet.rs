//! Sheets of the command line as tables.

use maud::{Markup, html};
use report::Sheet;
use report::sheet::{Align, Cell, SheetColumn};

use super::words::{badge, tone_class};

/// A table that scrolls in its own box; `caption` says what it is to those who do not see it.
pub fn table(sheet: &Sheet, caption: &str) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table {
                caption.unseen { (caption) }
                thead { tr { (head(sheet)) } }
                tbody { @for row in &sheet.rows { tr { (cells(sheet, row, true)) } } }
            }
        }
    }
}

/// The titles of the columns.
pub fn head(sheet: &Sheet) -> Markup {
    html! {
        @for column in &sheet.columns {
            th scope="col" class=(side(column.align)) { (title(column)) }
        }
    }
}

/// The title of a column on one line.
pub fn title(column: &SheetColumn) -> String {
    column.title.replace("-\n", "-").replace('\n', " ")
}

/// One row; its first cell may be what the row is called.
pub fn cells(sheet: &Sheet, row: &[Cell], first_is_name: bool) -> Markup {
    html! {
        @for (index, (column, cell)) in sheet.columns.iter().zip(row).enumerate() {
            @if first_is_name && index == 0 {
                th scope="row" class=(side(column.align)) { (shown(&column.title, cell)) }
            } @else {
                td class=(side(column.align)) { (shown(&column.title, cell)) }
            }
        }
    }
}

fn shown(title: &str, cell: &Cell) -> Markup {
    let is_status = ["status", "state", "outcome", "level"].contains(&title);
    html! {
        @if cell.text.is_empty() { span.none { "–" } }
        @else if is_status { (badge(&cell.text)) }
        @else { span class=(tone_class(cell.tone)) { (cell.text) } }
    }
}

fn side(align: Align) -> &'static str {
    match align {
        Align::Right => "number",
        Align::Left => "words",
    }
}
