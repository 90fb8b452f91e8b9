//! The sheet of paper: headline and subtitle above, caption below, and the strokes that figures draw between them.

use kuva::backend::svg::SvgBackend;
use kuva::render::color::Color;
use kuva::render::render::{PathData, Primitive, Scene, TextAnchor, TextSpan};

use super::theme::{self, Caption, Theme};
use super::{Figure, text};

/// Width of every figure in pixels of 1/96 inch: 7.5 inches, the text width of a letter or A4 page.
pub(super) const WIDTH: f64 = 720.0;
/// Blank border.
const MARGIN: f64 = 20.0;
/// Two points nearer than this draw the same line.
const SAME_POINT: f64 = 0.3;

/// Which side of its point a text stands on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text looks.
#[derive(Clone, Copy)]
pub(super) struct Face {
    pub(super) size: u32,
    pub(super) bold: bool,
    pub(super) color: &'static str,
    pub(super) anchor: Anchor,
}

impl Face {
    pub(super) fn at(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }

    /// In the colour of marks, as dark as words need.
    pub(super) fn in_color(self, color: &'static str) -> Self {
        Self { color: theme::tone(color), ..self }
    }

    pub(super) fn in_bold(self) -> Self {
        Self { bold: true, ..self }
    }

    /// Width of `words` in this face.
    pub(super) fn width(self, words: &str) -> f64 {
        text::width(words, f64::from(self.size), self.bold)
    }
}

/// What a figure says about itself.
pub(super) struct Head<'a> {
    pub(super) name: &'static str,
    /// The headline: one sentence computed from the data.
    pub(super) finding: String,
    /// What is drawn, of which quantity, in which unit.
    pub(super) subtitle: &'a str,
}

/// A sheet on which the body lies between `top` and `bottom`, `left` and `right`.
pub(super) struct Sheet<'a> {
    pub(super) theme: &'a Theme,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    scene: Scene,
    name: &'static str,
    finding: String,
    subtitle: String,
}

impl<'a> Sheet<'a> {
    /// A sheet with its headline, subtitle and caption set and `body` pixels of height free between them.
    pub(super) fn new(theme: &'a Theme, head: &Head<'_>, note: &Caption, body: f64) -> Self {
        let inner = WIDTH - 2.0 * MARGIN;
        let (headline, label, small) = (f64::from(theme.headline), f64::from(theme.label), f64::from(theme.caption));
        let finding = text::clean(&head.finding);
        let subtitle = text::clean(head.subtitle);
        let headline_lines = text::wrap(&finding, headline, true, inner);
        let subtitle_lines = text::wrap(&subtitle, label, false, inner);
        let caption_lines = text::wrap(&text::clean(&note.sentence()), small, false, inner);
        let headline_step = (headline * 1.3).round();
        let subtitle_step = (label * 1.4).round();
        let caption_step = (small * 1.45).round();
        let top = MARGIN
            + headline_lines.len() as f64 * headline_step
            + 4.0
            + subtitle_lines.len() as f64 * subtitle_step
            + 14.0;
        let bottom = top + body;
        let footer = if caption_lines.is_empty() { 0.0 } else { 24.0 + caption_lines.len() as f64 * caption_step };
        let height = (bottom + footer + MARGIN * 0.6).ceil();
        let mut scene = Scene::new(WIDTH, height).with_background(Some(theme.paper));
        scene.font_family = Some(theme.font_family.clone());
        scene.text_color = Some(theme.ink.to_owned());
        let mut sheet =
            Self { theme, left: MARGIN, right: WIDTH - MARGIN, top, scene, name: head.name, finding, subtitle };
        let mut y = MARGIN + headline * 0.8;
        let face = Face { size: theme.headline, bold: true, color: theme.ink, anchor: Anchor::Start };
        for line in &headline_lines {
            sheet.text(MARGIN, y, line, face);
            y += headline_step;
        }
        y = MARGIN + headline_lines.len() as f64 * headline_step + 4.0 + label * 0.8;
        for line in &subtitle_lines {
            sheet.text(MARGIN, y, line, Face { size: theme.label, bold: false, ..face.in_color(theme.muted) });
            y += subtitle_step;
        }
        if !caption_lines.is_empty() {
            sheet.line((MARGIN, bottom + 14.0), (WIDTH - MARGIN, bottom + 14.0), theme.grid, 0.8);
            y = bottom + 14.0 + 6.0 + small;
            for line in &caption_lines {
                sheet.text(MARGIN, y, line, Face { size: theme.caption, bold: false, ..face.in_color(theme.muted) });
                y += caption_step;
            }
        }
        sheet
    }

    /// The face of labels.
    pub(super) fn label(&self) -> Face {
        Face { size: self.theme.label, bold: false, color: self.theme.ink, anchor: Anchor::Start }
    }

    /// The face of axis words.
    pub(super) fn tick(&self) -> Face {
        Face { size: self.theme.tick, bold: false, color: self.theme.muted, anchor: Anchor::Start }
    }

    /// `words` with their baseline at `y`.
    ///
    /// Rich text, because kuva reads `$…$` in plain text as a formula and its rasteriser ignores the bold flag there.
    pub(super) fn text(&mut self, x: f64, y: f64, words: &str, face: Face) {
        let words = text::clean(words);
        let anchor = match face.anchor {
            Anchor::Start => TextAnchor::Start,
            Anchor::Middle => TextAnchor::Middle,
            Anchor::End => TextAnchor::End,
        };
        let span = TextSpan { bold: face.bold, ..TextSpan::plain(words) };
        self.scene.add(Primitive::RichText {
            x,
            y,
            spans: vec![span],
            size: face.size,
            anchor,
            color: Some(Color::from(face.color)),
        });
    }

    /// `words` vertically centred on `y`.
    pub(super) fn text_middle(&mut self, x: f64, y: f64, words: &str, face: Face) {
        // Half the cap height of DejaVu Sans, 0.729 em.
        self.text(x, y + 0.3645 * f64::from(face.size), words, face);
    }

    /// `words` centred on `y` over a patch of paper, so that they read on top of marks.
    pub(super) fn text_on_paper(&mut self, x: f64, y: f64, words: &str, face: Face) {
        let (width, height) = (face.width(words), f64::from(face.size) * 1.25);
        let start = match face.anchor {
            Anchor::Start => x,
            Anchor::Middle => x - width / 2.0,
            Anchor::End => x - width,
        };
        self.scene.add(Primitive::Rect {
            x: start - 3.0,
            y: y - height / 2.0,
            width: width + 6.0,
            height,
            fill: Color::from(self.theme.paper),
            stroke: None,
            stroke_width: None,
            opacity: Some(0.85),
        });
        self.text_middle(x, y, words, face);
    }

    /// A straight line.
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), color: &str, width: f64) {
        self.scene.add(Primitive::Line {
            x1: from.0,
            y1: from.1,
            x2: to.0,
            y2: to.1,
            stroke: Color::from(color),
            stroke_width: width,
            stroke_dasharray: None,
        });
    }

    /// A line through `points`. Points that would fall on the same spot are left out, so a curve of a million steps
    /// stays small.
    pub(super) fn curve(&mut self, points: &[(f64, f64)], color: &str, width: f64) {
        let points = thinned(points);
        self.scene.add(Primitive::PolyLine {
            points,
            stroke: Color::from(color),
            stroke_width: width,
            stroke_dasharray: None,
        });
    }

    /// A dashed line through `points`. The dashes are cut here: kuva's rasteriser measures a dash array in device
    /// pixels.
    pub(super) fn dashed(&mut self, points: &[(f64, f64)], color: &str, width: f64) {
        let d = dashes(&thinned(points), 5.0, 4.0);
        self.scene.add(Primitive::Path(Box::new(PathData {
            d,
            fill: None,
            stroke: Color::from(color),
            stroke_width: width,
            opacity: None,
            stroke_dasharray: None,
        })));
    }

    /// A filled rectangle between two corners.
    pub(super) fn bar(&mut self, x: (f64, f64), y: (f64, f64), color: &str, opacity: f64) {
        self.scene.add(Primitive::Rect {
            x: x.0.min(x.1),
            y: y.0.min(y.1),
            width: (x.1 - x.0).abs(),
            height: (y.1 - y.0).abs(),
            fill: Color::from(color),
            stroke: None,
            stroke_width: None,
            opacity: (opacity < 1.0).then_some(opacity),
        });
    }

    /// A filled area within `points`.
    pub(super) fn area(&mut self, points: &[(f64, f64)], color: &str, opacity: f64) {
        self.scene.add(Primitive::Path(Box::new(PathData {
            d: outline(points),
            fill: Some(Color::from(color)),
            stroke: Color::None,
            stroke_width: 0.0,
            opacity: (opacity < 1.0).then_some(opacity),
            stroke_dasharray: None,
        })));
    }

    /// A disc with a thin rim of paper.
    pub(super) fn dot(&mut self, at: (f64, f64), radius: f64, color: &str) {
        self.scene.add(Primitive::Circle {
            cx: at.0,
            cy: at.1,
            r: radius,
            fill: Color::from(color),
            fill_opacity: None,
            stroke: Some(Color::from(self.theme.paper)),
            stroke_width: Some(1.0),
        });
    }

    /// Many small discs of one colour.
    pub(super) fn cloud(&mut self, points: &[(f64, f64)], radius: f64, color: &str, opacity: f64) {
        self.scene.add(Primitive::CircleBatch {
            cx: points.iter().map(|p| p.0).collect(),
            cy: points.iter().map(|p| p.1).collect(),
            r: radius,
            fill: Color::from(color),
            fill_opacity: Some(opacity),
            stroke: None,
            stroke_width: None,
        });
    }

    /// Many small dots of one colour as a single mark, half the size of as many circles. They are hexagons: below two
    /// pixels nobody sees their corners.
    pub(super) fn specks(&mut self, points: &[(f64, f64)], radius: f64, color: &str, opacity: f64) {
        self.scene.add(Primitive::Path(Box::new(PathData {
            d: hexagons(points, radius),
            fill: Some(Color::from(color)),
            stroke: Color::None,
            stroke_width: 0.0,
            opacity: (opacity < 1.0).then_some(opacity),
            stroke_dasharray: None,
        })));
    }

    /// What `marks` draws gets `words` as its tooltip in the SVG.
    pub(super) fn hover(&mut self, words: &str, marks: impl FnOnce(&mut Self)) {
        // Not `Scene::add`, which would put a style sheet into the SVG that reaches the whole page around it.
        self.scene.elements.push(Primitive::GroupStart {
            transform: None,
            title: Some(text::clean(words)),
            extra_attrs: None,
        });
        marks(self);
        self.scene.add(Primitive::GroupEnd);
    }

    /// The finished figure with its table.
    pub(super) fn finish(self, table_csv: String) -> Figure {
        let drawn = SvgBackend::new().render_scene(&self.scene);
        let (width, height) = (self.scene.width, self.scene.height);
        // kuva writes neither a viewBox, without which a page cannot scale the picture, nor words for a screen
        // reader.
        let opening = format!(r#"<svg viewBox="0 0 {width} {height}" role="img" "#);
        let body = drawn.strip_prefix("<svg ").unwrap_or(&drawn);
        let (attributes, rest) = body.split_once('>').unwrap_or((body, ""));
        let words =
            format!("<title>{}</title><desc>{}</desc>", text::escape(&self.finding), text::escape(&self.subtitle));
        let svg = format!("{opening}{attributes}>{words}{rest}\n");
        Figure { name: self.name, svg, table_csv, finding: self.finding, scene: self.scene }
    }
}

/// `points` without those that lie on their predecessor; the last one stays.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for (i, point) in points.iter().enumerate() {
        let far = kept.last().is_none_or(|last| (last.0 - point.0).hypot(last.1 - point.1) >= SAME_POINT);
        if far || i + 1 == points.len() {
            kept.push(*point);
        }
    }
    kept
}

/// Path data of dashes of length `on` and gaps of length `off` along `points`; the pattern runs on across corners.
fn dashes(points: &[(f64, f64)], on: f64, off: f64) -> String {
    use std::fmt::Write as _;
    let mut d = String::new();
    let mut phase = 0.0;
    for pair in points.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        let length = (x1 - x0).hypot(y1 - y0);
        let mut done = 0.0;
        while done < length {
            let drawing = phase < on;
            let step = (if drawing { on - phase } else { on + off - phase }).max(1e-6).min(length - done);
            if drawing {
                let at = |t: f64| (x0 + (x1 - x0) * t / length, y0 + (y1 - y0) * t / length);
                let (a, b) = (at(done), at(done + step));
                // Writing to a String cannot fail.
                let _ = write!(d, "M {:.2} {:.2} L {:.2} {:.2} ", a.0, a.1, b.0, b.1);
            }
            done += step;
            phase = (phase + step) % (on + off);
        }
    }
    d
}

/// Path data of a closed line through `points`.
fn outline(points: &[(f64, f64)]) -> String {
    let corners: Vec<String> = points.iter().map(|(x, y)| format!("{x:.2} {y:.2}")).collect();
    if corners.is_empty() { String::new() } else { format!("M {} Z", corners.join(" L ")) }
}

/// Path data of a hexagon around each of `points`.
fn hexagons(points: &[(f64, f64)], radius: f64) -> String {
    use std::fmt::Write as _;
    let (half, height) = (radius / 2.0, radius * 0.866);
    let around =
        format!("l{half:.1}-{height:.1}h{radius:.1}l{half:.1} {height:.1}-{half:.1} {height:.1}h-{radius:.1}z");
    let mut d = String::with_capacity(points.len() * (around.len() + 12));
    for (x, y) in points {
        // Writing to a String cannot fail.
        let _ = write!(d, "M{:.1} {y:.1}{around}", x - radius);
    }
    d
}

#[cfg(test)]
mod tests {
    use super::{dashes, hexagons, outline, thinned};

    #[test]
    fn an_outline_returns_to_its_start() {
        assert_eq!(outline(&[(0.0, 1.0), (2.0, 3.5), (4.0, 0.0)]), "M 0.00 1.00 L 2.00 3.50 L 4.00 0.00 Z");
        assert_eq!(outline(&[]), "");
    }

    #[test]
    fn a_speck_lies_around_its_point() {
        // From the left corner up, right, down to the right corner, down, left, and back.
        assert_eq!(hexagons(&[(10.0, 5.0)], 2.0), "M8.0 5.0l1.0-1.7h2.0l1.0 1.7-1.0 1.7h-2.0z");
    }

    #[test]
    fn curves_keep_their_ends_and_lose_what_nobody_sees() {
        let points: Vec<(f64, f64)> = (0..=1_000).map(|i| (f64::from(i) * 0.01, 0.0)).collect();
        let kept = thinned(&points);
        assert!(kept.len() < 40);
        assert_eq!((kept[0], kept[kept.len() - 1]), ((0.0, 0.0), (10.0, 0.0)));
    }

    #[test]
    fn dashes_run_on_across_corners() {
        assert_eq!(
            dashes(&[(0.0, 0.0), (3.0, 0.0), (3.0, 10.0)], 5.0, 4.0),
            "M 0.00 0.00 L 3.00 0.00 M 3.00 0.00 L 3.00 2.00 M 3.00 6.00 L 3.00 10.00 "
        );
    }
}
