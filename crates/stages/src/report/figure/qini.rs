//! Does a score find the customers whom a contact moves: Qini curves of a randomised trial, with their uncertainty.
//!
//! It is a figure of one trial that somebody brings (`tenure uplift FILE`): the report of a run draws it for nobody.

use super::axis::{Frame, Scale};
use super::sheet::{Anchor, Head, Sheet};
use super::theme::{Caption, Theme};
use super::{Check, Figure, Result, number, table, text};

/// What the picture is called.
pub const NAME: &str = "qini";
const SIDE: f64 = 320.0;
/// Height of a score in the key.
const ROW: f64 = 52.0;
/// Most scores that still can be told apart.
const MOST: usize = 5;

/// The curve of one score and its coefficient.
#[derive(Debug, Clone, PartialEq)]
pub struct QiniScore {
    /// Name shown to the reader.
    pub name: String,
    /// Share of customers contacted, highest scores first, rising from 0 to 1.
    pub share: Vec<f64>,
    /// What that adds, per customer of the trial.
    pub gain: Vec<f64>,
    /// Lower end of its interval.
    pub low: Vec<f64>,
    /// Upper end of its interval.
    pub high: Vec<f64>,
    /// Area between the curve and the straight line of a random order.
    pub qini: f64,
    /// Lower end of its interval.
    pub qini_low: f64,
    /// Upper end of its interval.
    pub qini_high: f64,
}

/// The scores of one trial.
#[derive(Debug, Clone, PartialEq)]
pub struct QiniData {
    /// Scores in the order in which they are listed; the first is shown with its interval.
    pub scores: Vec<QiniScore>,
    /// What customers did afterwards, as the file calls it.
    pub outcome: String,
    /// The contact, as the file calls it.
    pub arm: String,
    /// Those without it, as the file calls them.
    pub control: String,
    /// Probability that the intervals are meant to cover, for example 0.95.
    pub interval_level: f64,
}

/// Draws every score's curve, the straight line of a random order, the band of the first score, and beside them the
/// coefficients with their intervals.
///
/// # Errors
/// When there is no score or more than five, columns differ in length, a share falls or does not run from 0 to 1, an
/// interval does not hold its figure, or the curves of two scores end in different places.
pub fn draw(data: &QiniData, note: &Caption, theme: &Theme) -> Result<Figure> {
    verify(data)?;
    let end = |score: &QiniScore| score.gain[score.gain.len() - 1];
    let effect = end(&data.scores[0]);
    let subtitle = format!(
        "Qini curves: {} that '{}' adds to '{}', per customer of the trial, by the share contacted",
        data.outcome, data.arm, data.control
    );
    let head = Head { name: NAME, finding: finding(data), subtitle: &subtitle };
    let mut sheet = Sheet::new(theme, &head, note, SIDE + 62.0);
    let (left, floor) = (sheet.left + 52.0, sheet.top + 20.0 + SIDE);
    let first = &data.scores[0];
    let values = || data.scores.iter().flat_map(|score| &score.gain).chain(&first.low).chain(&first.high).copied();
    let (low, high) = (values().fold(0.0, f64::min), values().fold(0.0, f64::max));
    let frame = Frame {
        x: Scale { low: 0.0, high: 1.0, from: left, to: left + SIDE },
        y: Scale { low, high: high.max(low + f64::MIN_POSITIVE), from: floor, to: floor - SIDE },
    };
    let y_ticks = frame.y.ticks(6);
    frame.y_axis(&mut sheet, &y_ticks, &number::plain_ticks(&y_ticks), "Added per customer");
    let x_ticks = frame.x.ticks(5);
    frame.x_axis(&mut sheet, &x_ticks, &number::percent_ticks(&x_ticks), "Customers contacted, highest score first");
    let there = first.share.iter().zip(&first.high).map(|(x, y)| frame.at(*x, *y));
    let back = first.share.iter().zip(&first.low).rev().map(|(x, y)| frame.at(*x, *y));
    let band: Vec<(f64, f64)> = there.chain(back).collect();
    sheet.area(&band, theme.category(0), 0.14);
    if low < 0.0 {
        sheet.line(frame.at(0.0, 0.0), frame.at(1.0, 0.0), theme.muted, 0.8);
    }
    sheet.dashed(&[frame.at(0.0, 0.0), frame.at(1.0, effect)], theme.muted, 1.2);
    for (i, score) in data.scores.iter().enumerate().rev() {
        let points: Vec<(f64, f64)> = score.share.iter().zip(&score.gain).map(|(x, y)| frame.at(*x, *y)).collect();
        let words = format!("{}: Qini {}", score.name, figures(score));
        sheet.hover(&words, |s| s.curve(&points, theme.category(i), if i == 0 { 2.4 } else { 1.7 }));
    }
    let face = sheet.tick();
    let at = frame.at(0.62, effect * 0.62);
    sheet.text_on_paper(at.0, at.1 + 22.0, "random order", face);
    key(&mut sheet, data, left + SIDE + 36.0);

    let rows = data.scores.iter().flat_map(|score| {
        (0..score.share.len()).map(|i| {
            let numbers = [score.share[i], score.gain[i], score.low[i], score.high[i]];
            let all = numbers.into_iter().chain([score.qini, score.qini_low, score.qini_high]);
            std::iter::once(score.name.clone()).chain(all.map(|value| value.to_string())).collect()
        })
    });
    let header = ["score", "share", "gain", "gain_low", "gain_high", "qini", "qini_low", "qini_high"];
    Ok(sheet.finish(table(NAME, &header, rows)?))
}

fn verify(data: &QiniData) -> Result<()> {
    let check = Check(NAME);
    check.some("scores", &data.scores)?;
    check.shares("interval_level", &[data.interval_level], 1)?;
    if data.scores.len() > MOST {
        return check.degenerate("more than five curves cannot be told apart");
    }
    for score in &data.scores {
        let n = score.share.len();
        check.shares("share", &score.share, n)?;
        for (what, column) in [("gain", &score.gain), ("low", &score.low), ("high", &score.high)] {
            check.finite(what, column, n)?;
        }
        check.finite("qini", &[score.qini_low, score.qini, score.qini_high], 3)?;
        let rises = score.share.windows(2).all(|pair| pair[0] < pair[1]);
        if n < 2 || !rises || score.share[0] > 1e-9 || score.share[n - 1] < 1.0 - 1e-9 {
            return check.degenerate("a Qini curve must run from nobody to everybody");
        }
        if !(score.qini_low <= score.qini && score.qini <= score.qini_high) {
            return check.degenerate("an interval does not hold its coefficient");
        }
        let ends = [score, &data.scores[0]].map(|score| score.gain[score.gain.len() - 1]);
        if (ends[0] - ends[1]).abs() > 1e-9 * ends[1].abs().max(1.0) {
            return check.degenerate("contacting everybody adds the same whatever the order");
        }
    }
    Ok(())
}

/// A coefficient with its interval, in as many digits as tell the three numbers apart.
fn figures(score: &QiniScore) -> String {
    let [value, low, high] = digits([score.qini, score.qini_low, score.qini_high]);
    format!("{value} ({low} to {high})")
}

/// Three numbers with as many decimals as two figures of their spread need.
fn digits(numbers: [f64; 3]) -> [String; 3] {
    let spread = (numbers[2] - numbers[1]).abs().max(numbers[0].abs());
    let decimals = if spread > 0.0 { (1.0 - spread.log10().floor()).clamp(0.0, 9.0) as usize } else { 1 };
    numbers.map(|value| number::signed(format!("{value:.decimals$}")))
}

/// Names, colours and coefficients, each on an axis around 0, where an order is as good as any.
fn key(sheet: &mut Sheet<'_>, data: &QiniData, x: f64) {
    let (face, tick) = (sheet.label(), sheet.tick());
    let title = format!("Qini coefficient, {} interval", number::percent(data.interval_level));
    sheet.text(x, sheet.top + 8.0, &title, tick.in_bold());
    let low = data.scores.iter().map(|score| score.qini_low).fold(0.0, f64::min);
    let high = data.scores.iter().map(|score| score.qini_high).fold(0.0, f64::max);
    let scale = Scale { low, high: high.max(low + f64::MIN_POSITIVE), from: x + 4.0, to: sheet.right - 8.0 };
    let top = sheet.top + 24.0;
    for (i, score) in data.scores.iter().enumerate() {
        let (y, color) = (top + ROW * i as f64 + 36.0, sheet.theme.category(i));
        let zero = scale.at(0.0);
        sheet.dashed(&[(zero, y - 9.0), (zero, y + 9.0)], sheet.theme.muted, 1.0);
        let figures = figures(score);
        let room = sheet.right - x - 6.0;
        let name = text::fit(&text::clean(&score.name), f64::from(face.size), true, room);
        let words = format!("{}: {figures}", score.name);
        sheet.hover(&words, |s| {
            s.text_middle(x, y - 31.0, &name, face.in_bold().in_color(color));
            s.text_middle(x, y - 17.0, &figures, face);
            s.line((scale.at(score.qini_low), y), (scale.at(score.qini_high), y), color, 3.0);
            s.dot((scale.at(score.qini), y), 4.2, color);
        });
    }
    let bottom = top + ROW * data.scores.len() as f64 + 14.0;
    let words = "0 = random order";
    let half = tick.width(words) / 2.0;
    let middle = scale.at(0.0).max(x + half).min(sheet.right - half);
    sheet.text(middle, bottom, words, tick.at(Anchor::Middle));
    sheet.text(x, bottom + 22.0, "Band: interval of the first score", tick);
}

fn finding(data: &QiniData) -> String {
    let first = &data.scores[0];
    let level = number::percent(data.interval_level);
    let name = &first.name;
    if first.qini_low > 0.0 {
        format!("Contacting by {name} adds more than a random order: Qini {}, {level} interval.", figures(first))
    } else if first.qini_high < 0.0 {
        format!("Contacting by {name} adds less than a random order: Qini {}, {level} interval.", figures(first))
    } else {
        format!("Contacting by {name} cannot be told from a random order: Qini {}, {level} interval.", figures(first))
    }
}
