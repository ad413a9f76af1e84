//! What an ink looks like on a light and on a dark page. A page names colours by CSS variables, which a dark screen turns
//! over; a picture on its own has its colours written in.

use super::color::viridis;

/// A page's background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// Colours by name, light and dark. The kinds are those of Okabe and Ito (2008), told apart with any colour vision.
const COLORS: [(&str, &str, &str); 14] = [
    ("page", "#f6f7f8", "#111416"),
    ("panel", "#ffffff", "#1a1e22"),
    ("edge", "#dde2e6", "#2e353b"),
    ("text", "#1b2126", "#e8ebed"),
    ("soft", "#56616b", "#a3aeb7"),
    ("faint", "#b9c1c8", "#4d5861"),
    ("grid", "#e9edf0", "#272d33"),
    ("unknown", "#c9cfd4", "#3d464e"),
    ("alarm", "#c4231a", "#ff6f61"),
    ("kind-0", "#0072b2", "#3b9bd6"),
    ("kind-1", "#e69f00", "#e69f00"),
    ("kind-2", "#009e73", "#1fb58c"),
    ("kind-3", "#cc79a7", "#d98bb6"),
    ("kind-4", "#8a949c", "#7d8790"),
];

/// How the parts of a plot use the colours.
const RULES: &str = include_str!("plot.css");

/// The style sheet of a page with plots whose series have so many members.
#[must_use]
pub fn page_css(series: usize) -> String {
    let block = |theme| {
        let lines = variables(theme, series).into_iter().map(|(name, value)| format!("--{name}:{value}"));
        lines.collect::<Vec<_>>().join(";")
    };
    format!(
        ":root{{color-scheme:light dark;{}}}\n@media (prefers-color-scheme:dark){{:root{{{}}}}}\n{}{}",
        block(Theme::Light),
        block(Theme::Dark),
        RULES,
        series_rules(series),
    )
}

/// The style sheet of a picture on its own.
#[must_use]
pub fn picture_css(theme: Theme, series: usize) -> String {
    let mut css = format!("{RULES}{}", series_rules(series));
    for (name, value) in variables(theme, series) {
        css = css.replace(&format!("var(--{name})"), &value);
    }
    css
}

fn variables(theme: Theme, series: usize) -> Vec<(String, String)> {
    let colors = COLORS.iter().map(|&(name, light, dark)| {
        let value = if theme == Theme::Light { light } else { dark };
        (name.to_owned(), value.to_owned())
    });
    // The ends of the map that would drown in the page are left out.
    let (from, to) = if theme == Theme::Light { (0.08, 0.80) } else { (0.36, 0.98) };
    let members = (0..series).map(|index| {
        let share = if series > 1 { index as f64 / (series - 1) as f64 } else { 0.4 };
        (format!("series-{index}"), viridis(from + share * (to - from)).to_string())
    });
    colors.chain(members).collect()
}

fn series_rules(series: usize) -> String {
    (0..series).map(|index| format!(".series-{index}{{color:var(--series-{index})}}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_names_no_variable() {
        for theme in [Theme::Light, Theme::Dark] {
            assert!(!picture_css(theme, 12).contains("var("), "{}", picture_css(theme, 12));
        }
        assert!(page_css(2).contains("var(--series-1)"));
    }
}
