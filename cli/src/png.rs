//! SVG as bitmaps, with a font of our own: the same picture on every machine.

use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{Options, Tree};

/// DejaVu Sans; its licence stands beside it.
const FONT: &[u8] = include_bytes!("../assets/DejaVuSans.ttf");
const FAMILY: &str = "DejaVu Sans";

/// Pixels of the bitmap to a pixel of the picture: 300 dots an inch where a plot is four inches wide.
pub const SCALE: f32 = 2.0;

/// Why there is no bitmap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PngError(String);

impl std::error::Error for PngError {}

impl std::fmt::Display for PngError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A PNG file of an SVG file.
///
/// # Errors
/// Where the text is no SVG, or its size no bitmap's.
pub fn render(svg: &str, scale: f32) -> Result<Vec<u8>, PngError> {
    let mut fonts = Database::new();
    fonts.load_font_data(FONT.to_vec());
    fonts.set_sans_serif_family(FAMILY);
    let options = Options { fontdb: Arc::new(fonts), font_family: FAMILY.to_owned(), ..Options::default() };
    let tree = Tree::from_str(svg, &options).map_err(|error| PngError(error.to_string()))?;
    let (width, height) = (tree.size().width() * scale, tree.size().height() * scale);
    let mut bitmap = Pixmap::new(width.ceil() as u32, height.ceil() as u32)
        .ok_or_else(|| PngError(format!("{width} x {height} is no size for a bitmap")))?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut bitmap.as_mut());
    bitmap.encode_png().map_err(|error| PngError(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(body: &str) -> Vec<u8> {
        let svg = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="40" height="20" fill="white"/>{body}</svg>"#
        );
        render(&svg, SCALE).unwrap()
    }

    #[test]
    fn a_bitmap_has_its_scaled_size_and_its_text() {
        let text =
            drawn(r#"<text x="2" y="15" font-family="system-ui, sans-serif" font-size="12">0.1 µ√</text>"#);
        assert_eq!(&text[..4], b"\x89PNG");
        // Width and height, from the header.
        assert_eq!((&text[16..20], &text[20..24]), (&80u32.to_be_bytes()[..], &40u32.to_be_bytes()[..]));
        assert_ne!(text, drawn(""), "the font is found under any family");
    }

    #[test]
    fn what_is_no_svg_is_an_error() {
        assert!(render("<svg", 1.0).is_err());
        assert!(render("<svg xmlns='http://www.w3.org/2000/svg' width='0' height='0'/>", 1.0).is_err());
    }
}
