//! One look for every figure: colours, sizes, and the words under the picture.

/// Colours and sizes of every figure. Sizes are in pixels of 1/96 inch; figures are drawn 7.5 inches wide, so 12 px
/// prints as 9 pt.
///
/// The categorical colours are those of Okabe and Ito, which readers with any common colour blindness tell apart;
/// yellow, too faint on white, comes last. Colour never carries a meaning alone: everything it marks also has a label
/// beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    /// Font families of the SVG, first choice first. The PNG always uses the bundled DejaVu Sans.
    pub font_family: String,
    /// Background.
    pub paper: &'static str,
    /// Headlines and labels.
    pub ink: &'static str,
    /// Subtitles, axis words and captions.
    pub muted: &'static str,
    /// Grid lines and rules.
    pub grid: &'static str,
    /// The quantity the figure is about.
    pub accent: &'static str,
    /// What it is compared with.
    pub contrast: &'static str,
    /// A quantity that only gives the scale.
    pub neutral: &'static str,
    /// Categories in order.
    pub categories: [&'static str; 8],
    /// Headline size.
    pub headline: u32,
    /// Size of labels and subtitles.
    pub label: u32,
    /// Size of axis ticks.
    pub tick: u32,
    /// Size of the caption.
    pub caption: u32,
}

impl Default for Theme {
    fn default() -> Self {
        Self {
            font_family: "DejaVu Sans, Verdana, Segoe UI, Arial, sans-serif".to_owned(),
            paper: "#ffffff",
            ink: "#1f2328",
            muted: "#57606a",
            grid: "#dde1e6",
            accent: "#0072b2",
            contrast: "#d55e00",
            neutral: "#9aa5b1",
            categories: ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#444c56", "#d8c400"],
            headline: 15,
            label: 11,
            tick: 10,
            caption: 9,
        }
    }
}

/// Colours of marks that are too light for words, and the tone of each that is dark enough on paper (4.5 to 1).
const TONES: [(&str, &str); 6] = [
    ("#d55e00", "#b34700"),
    ("#009e73", "#00785a"),
    ("#cc79a7", "#a3487a"),
    ("#56b4e9", "#1f6fa3"),
    ("#e69f00", "#8a5f00"),
    ("#d8c400", "#6f6400"),
];

/// The tone in which words speak of marks of `color`.
pub(super) fn tone(color: &'static str) -> &'static str {
    TONES.iter().find(|(mark, _)| *mark == color).map_or(color, |(_, words)| words)
}

impl Theme {
    /// The colour of category `index`; after the eighth the colours repeat, so figures with more categories must
    /// label every one.
    pub fn category(&self, index: usize) -> &'static str {
        self.categories[index % self.categories.len()]
    }
}

/// What stands under every figure: which moment, which customers, which data. Empty parts are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caption {
    /// The snapshot or window, for example `2011-09-10`.
    pub snapshot: String,
    /// Who is counted, for example `4,312 customers with a purchase before the snapshot`.
    pub population: String,
    /// The data, for example `online_retail_II.xlsx`.
    pub source: String,
    /// What the reader must know besides: an assumption, a basis, a limit. A full sentence.
    pub note: String,
}

impl Caption {
    /// The caption as one line of sentences.
    pub fn sentence(&self) -> String {
        let mut parts = Vec::new();
        for (label, part) in [
            ("Snapshot ", &self.snapshot),
            ("Population: ", &self.population),
            ("Source: ", &self.source),
            ("", &self.note),
        ] {
            let part = part.trim().trim_end_matches('.');
            if !part.is_empty() {
                parts.push(format!("{label}{part}."));
            }
        }
        parts.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::{Caption, Theme, tone};

    /// Relative luminance (WCAG 2.2).
    fn luminance(color: &str) -> f64 {
        let part = |at: usize| f64::from(u8::from_str_radix(&color[at..at + 2], 16).unwrap()) / 255.0;
        let linear = |v: f64| if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) };
        0.2126 * linear(part(1)) + 0.7152 * linear(part(3)) + 0.0722 * linear(part(5))
    }

    #[test]
    fn words_stand_out_from_the_paper() {
        let theme = Theme::default();
        let paper = luminance(theme.paper);
        let colors = theme.categories.into_iter().chain([theme.ink, theme.muted, theme.accent, theme.contrast]);
        for color in colors.map(tone) {
            let ratio = (paper + 0.05) / (luminance(color) + 0.05);
            assert!(ratio >= 4.5, "{color}: {ratio}");
        }
    }

    #[test]
    fn the_caption_leaves_out_what_is_empty() {
        let caption = Caption {
            snapshot: "2011-09-10".into(),
            population: "12 customers".into(),
            note: "Rates are assumed.".into(),
            ..Caption::default()
        };
        assert_eq!(caption.sentence(), "Snapshot 2011-09-10. Population: 12 customers. Rates are assumed.");
        assert_eq!(Caption::default().sentence(), "");
    }

    #[test]
    fn categories_are_distinct() {
        let theme = Theme::default();
        let mut seen: Vec<&str> = (0..8).map(|i| theme.category(i)).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 8);
    }
}
