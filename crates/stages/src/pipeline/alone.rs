//! A buy-till-you-die model on one file, without a run: a table of histories as it is, an order log through ingestion and
//! cleaning in a folder that is gone afterwards.

use std::path::{Path, PathBuf};

use super::{engine, run_stage};
use crate::artifact::{self, Run};
use crate::config::Config;
use crate::ctx::{Ctx, Stage};
use crate::error::{Error, Result};
use crate::report::figure::p_alive_history::{self, PAliveHistoryData};
use crate::report::figure::{self, Caption, Theme};
use crate::value::alone::{self, Answer, Histories, Model, PAlive, Question, Read};
use crate::{given, number};

/// Puts a question to a file and writes the predictions to `to`, CSV or Parquet, whole or not at all.
///
/// # Errors
/// [`Error::Input`] naming file, row and column of what cannot be, or why `to` cannot be written; for an order log, what
/// ingestion and cleaning refuse.
pub fn alone(ctx: &Ctx<'_>, config: &Config, question: &Question, file: &Path, to: &Path) -> Result<Answer> {
    given::check_place(file, to)?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(ctx.threads)
        .build()
        .map_err(|e| Error::io(file)(std::io::Error::other(e)))?;
    let (answer, columns) = match (question.model, alone::read(file, question)?) {
        (Model::AnyTime(_), Read::Histories(_)) if question.is_of_one() => return Err(no_days(file)),
        (Model::AnyTime(model), Read::Histories(histories)) => {
            pool.install(|| alone::answer(question, model, histories))?
        }
        (Model::AnyTime(model), Read::Other) => {
            let histories = of_log(ctx, config, question, file, to)?;
            pool.install(|| alone::answer(question, model, histories))?
        }
        (_, Read::Periods(periods)) => alone::answer_occasions(question, &periods)?,
        (Model::BgBb, _) => return Err(no_occasions(file)),
    };
    given::put(file, to, &columns)?;
    let folder = given::folder_of(to);
    let mut notes = answer.notes.clone();
    // The predictions are named after file and model; the picture of every customer has the same name.
    let before =
        ["svg", "png", "csv"].iter().any(|end| folder.join(format!("{}.{end}", p_alive_history::NAME)).exists());
    let figure = match &answer.life {
        Some(life) => Some(draw(config, &answer, life, folder)?),
        None => None,
    };
    if figure.is_some() && before {
        notes.push(format!(
            "the picture {} of an earlier call was there and is replaced; with --to in another folder both stay",
            p_alive_history::NAME
        ));
    }
    Ok(Answer { to: to.display().to_string(), figure, notes, ..answer })
}

/// Draws the customer's P(alive) beside the predictions; gives the name of the picture.
fn draw(config: &Config, answer: &Answer, life: &PAlive, folder: &Path) -> Result<String> {
    let data = PAliveHistoryData {
        customer: life.customer_id.clone(),
        model: answer.model.clone(),
        first_purchase: life.first_purchase.to_string(),
        days: life.days.clone(),
        p_alive: life.p_alive.clone(),
        purchases: life.purchases.clone(),
    };
    let caption = Caption {
        snapshot: answer.observed_until.map(|day| day.to_string()).unwrap_or_default(),
        population: format!("one customer; the model is fitted to {}", number::customers(answer.customers)),
        source: Path::new(&answer.file).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        note: "The parameters are those of the whole history; each day looks at what the customer had done by then."
            .to_owned(),
    };
    let figure = p_alive_history::draw(&data, &caption, &Theme::default())?;
    let paths = figure::write(&figure, folder, config.report.dpi)?;
    Ok(paths[0].display().to_string())
}

/// The histories of an order log. The stages work beside `to`, where the user lets us write.
fn of_log(ctx: &Ctx<'_>, config: &Config, question: &Question, file: &Path, to: &Path) -> Result<Histories> {
    let folder = given::folder_of(to);
    let scratch = tempfile::Builder::new().prefix(".tenure-").tempdir_in(folder).map_err(Error::io(folder))?;
    let out = scratch.path().join("run");
    let files: Vec<PathBuf> = vec![file.to_path_buf()];
    run_stage(ctx, config, Stage::Ingest, &files, &out).map_err(neither)?;
    run_stage(ctx, config, Stage::Clean, &[], &out)?;
    let run = Run::open(&out)?;
    let facts = |stage: Stage, name: &str| run.manifest.stages.get(stage.name()).and_then(|f| f.get(name)).cloned();
    let counts_only = facts(Stage::Ingest, "counts_only").and_then(|v| v.as_bool()).unwrap_or(false);
    let cleaned = run.path(artifact::CLEANED, Stage::Clean)?;
    let name = file.display().to_string();
    let mut histories = alone::of_log(&engine(ctx, config)?, &cleaned, &name, !counts_only, question)?;
    if let Some(lines) = facts(Stage::Clean, "quarantined").and_then(|v| v.as_u64()).filter(|lines| *lines > 0) {
        histories.notes.push(format!(
            "{} of {} lines {} set aside; `tenure run FILE` keeps them with their reasons",
            number::count(lines),
            number::count(facts(Stage::Clean, "rows_in").and_then(|v| v.as_u64()).unwrap_or(lines)),
            if lines == 1 { "was" } else { "were" }
        ));
    }
    let warnings = [Stage::Ingest, Stage::Clean].map(|stage| run.manifest.warnings.get(stage.name()).cloned());
    let ours = |warning: &String| !warning.contains("data/quarantine.parquet");
    histories.notes.extend(warnings.into_iter().flatten().flatten().filter(ours));
    Ok(histories)
}

/// A file that is neither a table of histories nor an order log says what both need.
fn neither(error: Error) -> Error {
    let Error::Tables(read @ tenure_tables::Error::Read { .. }) = &error else { return error };
    let problem = read.to_string();
    if !problem.contains("no column is") {
        return error;
    }
    let cure = read.cure().unwrap_or_default();
    // The reader's own cure is about a delimiter; what has one column by any is separated by blanks.
    let log = if cure.contains("only one column") {
        "a file whose columns are separated by blanks, or that has no header, has to become CSV first".to_owned()
    } else {
        format!("of an order log: {cure}")
    };
    Error::Input {
        problem,
        place: None,
        cure: format!(
            "give a table with the columns frequency, recency and T, one row per customer, or an order log with a header \
             such as customer_id,date,amount; {log}"
        ),
    }
}

/// A table of histories knows when a customer bought first and last, and not when in between.
fn no_days(file: &Path) -> Error {
    Error::Input {
        problem: format!("{} does not say on which days a customer bought", file.display()),
        place: Some("--customer".to_owned()),
        cure: "give an order log (customer, date, amount), or leave --customer out".to_owned(),
    }
}

fn no_occasions(file: &Path) -> Error {
    let name = file.display().to_string();
    if let Err(e) = std::fs::metadata(file) {
        return Error::io(file)(e);
    }
    Error::Input {
        problem: format!("{name} is no table of occasions"),
        place: Some(name),
        cure:
            "the BG/BB needs a CSV or Parquet table with the columns frequency, recency and periods, and weights where \
               a row stands for several customers; for an order log take --model bg-nbd"
                .to_owned(),
    }
}
