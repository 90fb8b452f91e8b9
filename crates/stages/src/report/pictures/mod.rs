//! The figures of a run, from its artefacts. Each room of figures is one file.

mod churn;
mod compare;
mod customers;
mod drivers;
mod lifetimes;
mod months;
mod plan;
mod segments;
mod value;

use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};
use tenure_tables::engine::Engine;

use super::HoldOut;
use super::figure::{self, Caption, Figure, FigureError};
use super::kpis::Everyday;
use super::revenue::Revenue;
use crate::artifact::{self, RunFolder};
use crate::config::Config;
use crate::ctx::Steps;
use crate::error::{Error, Result};
use crate::summary::Window;

/// A figure's name and what it shows, in a sentence.
type Told = (String, String);

/// What was drawn and what was not.
#[derive(Default)]
struct Gallery {
    drawn: Vec<Figure>,
    warnings: Vec<String>,
    hold_out: Option<HoldOut>,
}

impl Gallery {
    /// Takes a figure; one that its data cannot make becomes a warning.
    fn hang(&mut self, figure: figure::Result<Figure>) -> Result<()> {
        match figure {
            Ok(figure) => self.drawn.push(figure),
            Err(e @ FigureError::Data { .. }) => self.warnings.push(e.to_string()),
            Err(e) => return Err(e.into()),
        }
        Ok(())
    }

    /// Says why a figure is not there.
    fn miss(&mut self, figure: &str, why: &str) {
        self.warnings.push(format!("figure `{figure}` cannot be drawn: {why}"));
    }
}

/// What became of the figures.
#[derive(Default)]
pub(super) struct Pictures {
    /// The figures, by name, with what each one shows.
    pub(super) figures: Vec<Told>,
    /// What could not be drawn, and why.
    pub(super) warnings: Vec<String>,
    /// What the figures of a hold-out rest on.
    pub(super) hold_out: Option<HoldOut>,
}

/// Draws and writes what the artefacts allow.
pub(super) fn draw_all(
    config: &Config,
    engine: &Engine,
    run: &RunFolder,
    everyday: &Everyday,
    revenue: &Revenue,
    steps: &Steps<'_>,
) -> Result<Pictures> {
    let room = Room { config, engine, run, everyday };
    let mut gallery = Gallery::default();
    room.segments(&mut gallery)?;
    room.compare(&mut gallery)?;
    room.customers(&mut gallery)?;
    room.months(revenue, &mut gallery)?;
    room.churn(&mut gallery)?;
    room.drivers(&mut gallery)?;
    room.lifetimes(&mut gallery)?;
    room.value(&mut gallery)?;
    room.plan(&mut gallery)?;
    let folder = run.write(artifact::FIGURES)?;
    std::fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
    // Rasterising is the costly part, and each picture stands for itself.
    steps.plan(Some(gallery.drawn.len()), "figures");
    let write = |figure: &Figure| {
        let written = figure::write(figure, &folder, config.report.dpi);
        steps.done(1);
        written
    };
    let written: Vec<figure::Result<_>> = gallery.drawn.par_iter().map(write).collect();
    let mut figures = Vec::new();
    for (figure, result) in gallery.drawn.into_iter().zip(written) {
        result?;
        figures.push((figure.name.to_owned(), figure.finding));
    }
    Ok(Pictures { figures, warnings: gallery.warnings, hold_out: gallery.hold_out })
}

struct Room<'a> {
    config: &'a Config,
    engine: &'a Engine,
    run: &'a RunFolder,
    everyday: &'a Everyday,
}

impl Room<'_> {
    fn caption(&self, snapshot: &str, population: String, note: &str) -> Caption {
        let sources: Vec<&str> = self.run.inputs().iter().map(|f| f.name.as_str()).collect();
        Caption { snapshot: snapshot.to_owned(), population, source: sources.join(", "), note: note.to_owned() }
    }

    /// The caption of a figure of customers judged on a test window.
    fn tested(&self, window: &Window, population: String) -> Caption {
        let note = format!("Test window {} to {}, not seen by training or calibration.", window.from, window.to);
        self.caption(&window.from, population, &note)
    }

    fn as_of(&self) -> Result<String> {
        Ok(self.run.timeline()?.as_of.to_string())
    }
}

/// So many customers, acquired before the snapshot.
fn acquired(customers: u64) -> String {
    format!("{} customers with a purchase before the snapshot", figure::number::count(customers))
}
