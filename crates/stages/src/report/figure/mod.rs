//! Figures: plain columns in, a picture with its table and its finding out.
//!
//! Each figure is one file with a data struct and `draw(&data, &caption, &theme)`. Drawing is pure: the same data
//! give the same bytes on any machine. A [`Figure`] holds one scene that serves the SVG and the PNG, the table that
//! was drawn, and one sentence that was computed from that table. Data that cannot make an honest picture are an
//! error, never an empty frame.
//!
//! The pictures are set on kuva's scene primitives rather than on its chart types: direct labels, aligned panels and
//! a headline that wraps need a layout of our own, while fonts, SVG and rasterising come from kuva.

use std::path::PathBuf;

pub mod budget_curve;
pub mod calibration;
pub mod clv_scatter;
pub mod cohort_retention;
pub mod cumulative_gain;
pub mod cumulative_transactions;
pub mod decile_lift;
pub mod feature_importance;
pub mod frequency_calibration;
pub mod frequency_recency_matrix;
pub mod offer_allocation;
pub mod outliers;
pub mod p_alive_history;
pub mod p_alive_matrix;
pub mod pareto_curve;
pub mod precision_recall;
pub mod qini;
pub mod revenue_contribution;
pub mod revenue_forecast;
pub mod rfm_3d_scatter;
pub mod rfm_heatmap;
pub mod roc_curve;
pub mod season;
pub mod segment_comparison_radar;
pub mod segment_distribution;
pub mod segment_migration;
pub mod segments;
pub mod shap_beeswarm;
pub mod value_calibration;

mod areas;
mod axis;
mod bars;
mod grid;
mod heat;
mod pie;
mod ramp;
mod sheet;
mod text;
mod theme;
mod write;

pub use heat::HistoryMatrix;
pub use theme::{Caption, Theme};
pub use write::write;

pub(super) use crate::number;

/// Dots per inch of a figure for print.
pub const PRINT_DPI: u32 = 300;

/// A picture, its table and its finding.
#[derive(Debug)]
pub struct Figure {
    /// The file name without extension, as the product names it.
    pub name: &'static str,
    /// The picture, with `<title>`, `<desc>` and a `viewBox`; text stays text.
    pub svg: String,
    /// What was drawn, as CSV with a header.
    pub table_csv: String,
    /// One sentence computed from the data; also the headline of the picture.
    pub finding: String,
    scene: kuva::render::render::Scene,
}

impl Figure {
    /// The picture as PNG at `dpi` dots per inch, with the resolution in its `pHYs` chunk, so that it prints at its
    /// true size (7.5 inches wide).
    ///
    /// # Errors
    /// [`FigureError::Render`] when `dpi` is outside 24..=1200 or the encoder refuses.
    pub fn png(&self, dpi: u32) -> Result<Vec<u8>> {
        write::png(self.name, &self.scene, dpi)
    }
}

/// Why a figure does not exist.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FigureError {
    /// The data do not make this picture.
    #[error("figure `{figure}` cannot be drawn: {problem}")]
    Data {
        /// Name of the figure.
        figure: &'static str,
        /// What is wrong with the data.
        problem: Problem,
    },
    /// The picture could not be turned into pixels or a table.
    #[error("figure `{figure}` could not be rendered: {message}")]
    Render {
        /// Name of the figure.
        figure: &'static str,
        /// What the renderer said.
        message: String,
    },
    /// A file could not be written.
    #[error("cannot write {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

/// What is wrong with the data of a figure.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Nothing to draw.
    #[error("`{what}` is empty")]
    Empty {
        /// The column.
        what: &'static str,
    },
    /// Columns that belong together differ in length.
    #[error("`{what}` has {found} rows where {expected} are needed")]
    Length {
        /// The column.
        what: &'static str,
        /// Rows needed.
        expected: usize,
        /// Rows present.
        found: usize,
    },
    /// A value outside what the quantity can be, NaN and infinity included.
    #[error("`{what}` holds {value} in row {row}; expected {expected}")]
    Range {
        /// The column.
        what: &'static str,
        /// Row, from 0.
        row: usize,
        /// The value.
        value: f64,
        /// What would be right.
        expected: &'static str,
    },
    /// Valid values that nevertheless cannot answer the figure's question.
    #[error("{reason}")]
    Degenerate {
        /// Why.
        reason: &'static str,
    },
}

/// Result of drawing.
pub type Result<T> = std::result::Result<T, FigureError>;

/// Checks of one figure's columns; every error names the figure.
#[derive(Clone, Copy)]
struct Check(&'static str);

impl Check {
    fn fail<T>(self, problem: Problem) -> Result<T> {
        Err(FigureError::Data { figure: self.0, problem })
    }

    fn degenerate<T>(self, reason: &'static str) -> Result<T> {
        self.fail(Problem::Degenerate { reason })
    }

    fn some<T>(self, what: &'static str, column: &[T]) -> Result<()> {
        if column.is_empty() { self.fail(Problem::Empty { what }) } else { Ok(()) }
    }

    fn length(self, what: &'static str, expected: usize, found: usize) -> Result<()> {
        if expected == found { Ok(()) } else { self.fail(Problem::Length { what, expected, found }) }
    }

    /// `values` has `n` rows and each satisfies `holds`, which must reject NaN.
    fn each(
        self,
        what: &'static str,
        values: &[f64],
        n: usize,
        expected: &'static str,
        holds: impl Fn(f64) -> bool,
    ) -> Result<()> {
        self.length(what, n, values.len())?;
        match values.iter().position(|v| !holds(*v)) {
            Some(row) => self.fail(Problem::Range { what, row, value: values[row], expected }),
            None => Ok(()),
        }
    }

    fn finite(self, what: &'static str, values: &[f64], n: usize) -> Result<()> {
        self.each(what, values, n, "a finite number", f64::is_finite)
    }

    fn shares(self, what: &'static str, values: &[f64], n: usize) -> Result<()> {
        self.each(what, values, n, "a share between 0 and 1", |v| (0.0..=1.0).contains(&v))
    }
}

/// Index of the largest value; the first of equals. `values` is not empty.
fn largest(values: &[f64]) -> usize {
    (1..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}

/// Row numbers in descending order of `values`; equals keep their order.
fn descending(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
    order
}

/// Rows as CSV with a header. Floats are printed with the shortest digits that read back to the same number.
fn table(figure: &'static str, header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Result<String> {
    let failed = |message: String| FigureError::Render { figure, message };
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header).map_err(|e| failed(e.to_string()))?;
    for row in rows {
        writer.write_record(&row).map_err(|e| failed(e.to_string()))?;
    }
    let bytes = writer.into_inner().map_err(|e| failed(e.to_string()))?;
    String::from_utf8(bytes).map_err(|e| failed(e.to_string()))
}

#[cfg(test)]
mod tests;
