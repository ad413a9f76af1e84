//! One thing wrong with a sweep file, and how it is shown: as rustc does, with file, line, column and a caret.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::source::{Place, Sources};

/// One thing wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// What, in one line.
    pub title: String,
    /// Where; `None` for the file as a whole.
    pub place: Option<Place>,
    /// A few words at the caret.
    pub label: Option<String>,
    /// Another place that belongs to it, with a few words.
    pub context: Option<(Place, String)>,
    /// What to do.
    pub help: Option<String>,
}

impl Mistake {
    /// A mistake at a place.
    #[must_use]
    pub fn new(title: impl Into<String>, place: Option<Place>) -> Self {
        Self { title: title.into(), place, label: None, context: None, help: None }
    }

    /// With a few words at the caret.
    #[must_use]
    pub fn label(self, label: impl Into<String>) -> Self {
        Self { label: Some(label.into()), ..self }
    }

    /// With what to do.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// With another place that belongs to it.
    #[must_use]
    pub fn context(self, place: Place, label: impl Into<String>) -> Self {
        Self { context: Some((place, label.into())), ..self }
    }
}

/// All of them, in the order of the file, ready for a terminal.
#[must_use]
pub fn render(mistakes: &[Mistake], sources: &Sources, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut ordered: Vec<&Mistake> = mistakes.iter().collect();
    ordered.sort_by_key(|mistake| mistake.place.as_ref().map(|place| (place.source, place.span.start)));
    let shown: Vec<String> =
        ordered.iter().map(|mistake| renderer.render(&[group(mistake, sources)])).collect();
    shown.join("\n\n")
}

fn group<'a>(mistake: &'a Mistake, sources: &'a Sources) -> Group<'a> {
    let title = Level::ERROR.primary_title(mistake.title.as_str());
    let group = match &mistake.place {
        Some(place) => title.element(snippet(mistake, place, sources)),
        None => title.element(Origin::path(sources.get(super::source::SourceId::FILE).name.as_str())),
    };
    match &mistake.help {
        Some(help) => group.element(Level::HELP.message(help.as_str())),
        None => group,
    }
}

fn snippet<'a>(
    mistake: &'a Mistake,
    place: &Place,
    sources: &'a Sources,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let source = sources.get(place.source);
    let primary = AnnotationKind::Primary.span(sources.clamp(place)).label(mistake.label.as_deref());
    // A second place can only be drawn in the same text.
    let context = mistake
        .context
        .as_ref()
        .filter(|(other, _)| other.source == place.source)
        .map(|(other, label)| AnnotationKind::Context.span(sources.clamp(other)).label(label.as_str()));
    Snippet::source(source.text.as_str()).path(source.name.as_str()).annotation(primary).annotations(context)
}
