//! How large a chart is drawn.

/// Width and height in pixels. Text is drawn at its own size, so that a chart is drawn once for each width it is shown at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Size {
    /// Width, the numbers of the vertical axis included.
    pub width: f64,
    /// Height, the key included.
    pub height: f64,
}

impl Size {
    /// For a column of a page, and for papers.
    pub const WIDE: Self = Self { width: 640.0, height: 420.0 };
    /// For a phone.
    pub const NARROW: Self = Self { width: 360.0, height: 340.0 };

    /// The class of a drawing of this width.
    #[must_use]
    pub fn name(self) -> &'static str {
        if self.width < 500.0 { "narrow" } else { "wide" }
    }
}
