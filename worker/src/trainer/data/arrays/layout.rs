//! What the shape of an example says about it.

/// The shape in which examples are kept, and whether they have to be rearranged for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// Shape of one example, channels first where it is an image.
    pub features: Vec<u64>,
    /// In the file the channels come last.
    channels_last: bool,
}

impl Layout {
    /// Of examples that have this shape in the file:
    ///
    /// - `[]`: one number;
    /// - `[height, width]`: a grey image, of one channel;
    /// - `[a, b, c]` with a = 1 or 3: an image, channels first. Where c is 1 or 3 as well, this rule wins;
    /// - `[a, b, c]` with c = 1 or 3, and a and b both over 3: an image, channels last, which is rearranged. (Images are
    ///   larger than 3 pixels; `[64, 3, 3]` are 64 channels);
    /// - any other: as it is. Three numbers are always channels, height and width.
    pub fn of(example: &[usize]) -> Self {
        let sizes: Vec<u64> = example.iter().map(|&size| size as u64).collect();
        let (features, channels_last) = match sizes[..] {
            [] => (vec![1], false),
            [height, width] => (vec![1, height, width], false),
            [1 | 3, _, _] => (sizes, false),
            [height, width, channels @ (1 | 3)] if height > 3 && width > 3 => {
                (vec![channels, height, width], true)
            }
            _ => (sizes, false),
        };
        Self { features, channels_last }
    }

    /// Of examples that are kept as they are.
    pub fn as_stored(example: &[usize]) -> Self {
        Self { features: example.iter().map(|&size| size as u64).collect(), channels_last: false }
    }

    /// What is to be said of examples that look like images with their channels last, and are taken as they are: two
    /// channels, or four as of PNG files with transparency, do not distinguish an image from many channels of a narrow one.
    pub fn remark(&self, name: &str) -> Option<String> {
        match self.features[..] {
            [height, width, channels @ (2 | 4)] if height > 4 && width > 4 => Some(format!(
                "examples of {name} have shape {height} x {width} x {channels}, which would be {height} channels of {width} x \
                 {channels} pixels; if they are images of {channels} channels, put the channels first \
                 ({channels} x {height} x {width}), or leave transparency out"
            )),
            _ => None,
        }
    }

    /// Puts the channels of each example first, in numbers of `size` bytes.
    pub fn put_channels_first(&self, bytes: &mut [u8], size: usize) {
        let [channels, height, width] = self.features[..] else { return };
        if !self.channels_last || channels == 1 {
            return;
        }
        let (channels, plane) = (channels as usize, (height * width) as usize);
        let mut rearranged = vec![0; channels * plane * size];
        for row in bytes.chunks_exact_mut(channels * plane * size) {
            for (channel, target) in rearranged.chunks_exact_mut(plane * size).enumerate() {
                let pixels = row.chunks_exact(channels * size);
                for (target, pixel) in target.chunks_exact_mut(size).zip(pixels) {
                    target.copy_from_slice(&pixel[channel * size..(channel + 1) * size]);
                }
            }
            row.copy_from_slice(&rearranged);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_of_an_example_tells_images_from_others() {
        for (file, features, channels_last) in [
            (&[][..], &[1][..], false),
            (&[10], &[10], false),
            (&[28, 30], &[1, 28, 30], false),
            (&[1, 28, 28], &[1, 28, 28], false),
            (&[28, 28, 1], &[1, 28, 28], true),
            (&[3, 32, 30], &[3, 32, 30], false),
            (&[32, 30, 3], &[3, 32, 30], true),
            (&[3, 32, 3], &[3, 32, 3], false),
            (&[1, 5, 3], &[1, 5, 3], false),
            (&[64, 3, 3], &[64, 3, 3], false),
            (&[64, 1, 1], &[64, 1, 1], false),
            (&[16, 8, 8], &[16, 8, 8], false),
            (&[2, 3, 4, 5], &[2, 3, 4, 5], false),
        ] {
            assert_eq!(Layout::of(file), Layout { features: features.to_vec(), channels_last }, "{file:?}");
        }
    }

    #[test]
    fn images_with_transparency_are_not_taken_for_many_channels_without_a_word() {
        let remark = |sizes: &[usize]| Layout::of(sizes).remark("train_x");
        assert!(remark(&[6, 8, 4]).unwrap().contains("would be 6 channels of 8 x 4 pixels"));
        assert!(remark(&[32, 32, 4]).unwrap().contains("put the channels first (4 x 32 x 32)"));
        assert!(remark(&[28, 28, 2]).is_some());
        for fine in [&[4, 32, 32][..], &[64, 4, 4], &[16, 8, 8], &[32, 32, 3], &[28, 28], &[10]] {
            assert_eq!(remark(fine), None, "{fine:?}");
        }
    }

    #[test]
    fn channels_are_moved_example_by_example() {
        let layout = Layout::of(&[4, 5, 3]);
        // Each number is 2 bytes: its channel and its pixel; the second example's channels are 10, 11, 12.
        let number = |example: u8, channel: u8, pixel: u8| [10 * example + channel, pixel];
        let by = |example, pixel_first: bool| -> Vec<u8> {
            let mut numbers = Vec::new();
            for outer in 0..if pixel_first { 20 } else { 3 } {
                for inner in 0..if pixel_first { 3 } else { 20 } {
                    let (pixel, channel) = if pixel_first { (outer, inner) } else { (inner, outer) };
                    numbers.extend(number(example, channel, pixel));
                }
            }
            numbers
        };
        let mut bytes = [by(0, true), by(1, true)].concat();
        layout.put_channels_first(&mut bytes, 2);
        assert_eq!(bytes, [by(0, false), by(1, false)].concat());
    }
}
