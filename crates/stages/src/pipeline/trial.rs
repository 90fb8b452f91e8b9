//! Scores judged by a randomised trial in one file, without a run.

use std::path::Path;

use crate::config::Config;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::number;
use crate::report::figure::qini::{self, QiniData, QiniScore};
use crate::report::figure::{self, Caption, Theme};
use crate::uplift::{self, Answer, Question, Score};

/// Judges the scores of a file and draws their Qini curves into `folder`, as `qini.svg`, `qini.png` and `qini.csv`.
///
/// # Errors
/// [`Error::Input`] naming file, row and column of what cannot be, or a folder that does not exist.
pub fn trial(ctx: &Ctx<'_>, config: &Config, question: &Question, file: &Path, folder: &Path) -> Result<Answer> {
    if !folder.is_dir() {
        return Err(Error::Input {
            problem: format!("the folder {} does not exist", folder.display()),
            place: Some("--to".to_owned()),
            cure: "make the folder, or name another".to_owned(),
        });
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(ctx.threads)
        .build()
        .map_err(|e| Error::io(file)(std::io::Error::other(e)))?;
    let mut answer =
        pool.install(|| uplift::judge(file, question, config.report.bootstrap_replicates, config.run.seed))?;
    let data = QiniData {
        scores: answer.scores.iter().map(drawn).collect(),
        outcome: answer.outcome.clone(),
        arm: answer.treated.name.clone(),
        control: answer.control.name.clone(),
        interval_level: answer.interval_level,
    };
    let caption = Caption {
        snapshot: String::new(),
        population: format!(
            "{} with '{}' and {} with '{}'",
            number::customers(answer.treated.customers),
            answer.treated.name,
            number::count(answer.control.customers),
            answer.control.name
        ),
        source: file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        note: "An effect only if chance decided who was contacted and the scores are older.".to_owned(),
    };
    let figure = qini::draw(&data, &caption, &Theme::default())?;
    answer.figure = figure::write(&figure, folder, config.report.dpi)?[0].display().to_string();
    Ok(answer)
}

fn drawn(score: &Score) -> QiniScore {
    let column = |of: fn(&uplift::Gain) -> f64| score.gains.iter().map(of).collect();
    QiniScore {
        name: score.name.clone(),
        share: column(|gain| gain.share),
        gain: column(|gain| gain.gain),
        low: column(|gain| gain.low),
        high: column(|gain| gain.high),
        qini: score.qini.estimate,
        qini_low: score.qini.low,
        qini_high: score.qini.high,
    }
}
