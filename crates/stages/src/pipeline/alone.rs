//! A buy-till-you-die model on one file, without a run: a table of histories as it is, an order log through ingestion and
//! cleaning in a folder that is gone afterwards.

use std::path::{Path, PathBuf};

use super::{engine, run_stage};
use crate::artifact::{self, Run};
use crate::config::Config;
use crate::ctx::{Ctx, Stage};
use crate::error::{Error, Result};
use crate::value::alone::{self, Answer, Histories, Model, Question, Read};
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
    Ok(Answer { to: to.display().to_string(), ..answer })
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
