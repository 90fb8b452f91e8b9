//! The card of a model: what it is for, what it was made of, how good it is, and what nobody knows of it.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::number;
use crate::summary::{Estimate, Window};

/// All that a reader must know of a model before relying on it. As JSON by serde, as a page by [`Card::to_markdown`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Name of the model, such as `Churn`.
    pub name: String,
    /// Version of the program that made it.
    pub version: String,
    /// What it predicts, a sentence.
    pub predicts: String,
    /// What it is made for, each a sentence.
    pub intended_use: Vec<String>,
    /// What it must not be used for, each a sentence.
    pub not_intended_use: Vec<String>,
    /// The data it was made of and judged by.
    pub data: DataWindows,
    /// Length of the window that it looks ahead.
    pub horizon_days: u32,
    /// Number of features it learns from; 0 where it is no more than a formula.
    pub features: usize,
    /// The models that were tried, the champion first.
    pub candidates: Vec<Candidate>,
    /// Why the champion won, a sentence.
    pub choice: String,
    /// How good it is on the test window, beside the naive baseline.
    pub metrics: Vec<Metric>,
    /// The same by segment; empty where it was not measured.
    pub segments: Vec<SegmentMetrics>,
    /// Whether its figures can be taken at their word, each a sentence.
    pub calibration: Vec<String>,
    /// Where it is weak, each a sentence.
    pub limits: Vec<String>,
    /// What these data cannot tell, each a sentence.
    pub unknown: Vec<String>,
    /// Seed of all random numbers.
    pub seed: u64,
    /// What the same inputs and seed give again, a sentence.
    pub determinism: String,
}

/// Which data trained, calibrated and judged a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataWindows {
    /// Who is counted, such as `customers with a purchase before the snapshot`.
    pub population: String,
    /// The recipe as it was judged on the test window; `None` where the history is too short for one.
    pub evaluated: Option<Recipe>,
    /// The same recipe as it is used, on later windows.
    pub in_use: Recipe,
    /// The window that nothing was fitted to; `None` where the history is too short for one.
    pub test: Option<Window>,
    /// Customers judged in the test window.
    pub test_customers: u64,
}

/// Which windows a model was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// First training snapshot.
    pub training_from: String,
    /// Last training snapshot.
    pub training_to: String,
    /// Number of training snapshots.
    pub training_snapshots: usize,
    /// Rows trained on, one a snapshot and customer.
    pub training_rows: u64,
    /// The window that probabilities or levels were set on; `None` without one.
    pub calibration: Option<Window>,
}

/// A model that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// What it was chosen by; `None` where that could not be measured.
    pub score: Option<f64>,
    /// A remark, such as what it consists of; may be empty.
    pub remark: String,
}

/// One measure of quality.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Its name, such as `AUC`.
    pub metric: String,
    /// Which way is better.
    pub better: Better,
    /// The model's figure with its interval, where one was drawn.
    pub model: Estimate,
    /// The naive baseline's figure; `None` where it has none.
    pub baseline: Option<f64>,
}

/// Which way a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// The greater, the better.
    Higher,
    /// The smaller, the better.
    Lower,
    /// The nearer to nothing, the better.
    Zero,
}

/// Quality within one segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentMetrics {
    /// The segment.
    pub segment: String,
    /// Its customers in the test window.
    pub customers: u64,
    /// Names of metrics with their figures; `None` where too few customers or outcomes allow none.
    pub metrics: Vec<(String, Option<f64>)>,
}

impl Card {
    /// The card as a page in Markdown, with tables whose columns stand in line in the plain text too.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut page = format!("# Model card: {}\n\n{}\n", line(&self.name), line(&self.predicts));
        bullets(&mut page, "Intended use", &self.intended_use);
        bullets(&mut page, "Not intended use", &self.not_intended_use);
        self.data_section(&mut page);
        self.choice_section(&mut page);
        self.quality_section(&mut page);
        bullets(&mut page, "Calibration", &self.calibration);
        bullets(&mut page, "Limits", &self.limits);
        bullets(&mut page, "What is not known", &self.unknown);
        let _ = write!(
            page,
            "\n## How it was made\n\ntenure {}, seed {}. {}\n",
            line(&self.version),
            self.seed,
            line(&self.determinism)
        );
        page
    }

    fn data_section(&self, page: &mut String) {
        let data = &self.data;
        let window = |window: &Window| format!("{} to {}", window.from, window.to);
        let calibrated =
            |recipe: &Recipe| recipe.calibration.as_ref().map_or("no window of its own".to_owned(), window);
        let mut rows = vec![("population", data.population.clone())];
        if let Some(recipe) = &data.evaluated {
            rows.push(("evaluated: trained on", recipe.training()));
            rows.push(("evaluated: calibrated on", calibrated(recipe)));
        }
        rows.push((
            "evaluated: tested on",
            data.test.as_ref().map_or("not tested".to_owned(), |test| {
                format!("{}; {} customers", window(test), number::count(data.test_customers))
            }),
        ));
        rows.push(("in use: trained on", data.in_use.training()));
        rows.push(("in use: calibrated on", calibrated(&data.in_use)));
        rows.push(("horizon", format!("{} days", self.horizon_days)));
        rows.push((
            "features",
            match self.features {
                0 => "none: it is a formula of a customer's past".to_owned(),
                n => number::count(n as u64),
            },
        ));
        page.push_str("\n## Data\n\n");
        let rows: Vec<Vec<String>> = rows.into_iter().map(|(what, is)| vec![what.to_owned(), is]).collect();
        table(page, &["what", "is"], &rows, 2);
        if data.evaluated.is_some() {
            page.push_str("\nThe model in use is the one that was evaluated, made anew on later windows.\n");
        }
    }

    fn choice_section(&self, page: &mut String) {
        page.push_str("\n## Candidates\n\n");
        if !self.candidates.is_empty() {
            let rows = self.candidates.iter().map(|c| vec![c.name.clone(), figure(c.score), c.remark.clone()]);
            let rows: Vec<Vec<String>> = rows.collect();
            // Remarks are words and stand to the left.
            table(page, &["candidate", "score", "remark"], &rows, 1);
            page.push('\n');
        }
        let _ = writeln!(page, "{}", line(&self.choice));
    }

    fn quality_section(&self, page: &mut String) {
        let Some(window) = &self.data.test else {
            page.push_str("\n## Quality\n\nNot measured: the history holds no window to test on.\n");
            return;
        };
        let _ = write!(page, "\n## Quality\n\nOn the test window, {} to {}, ", window.from, window.to);
        if self.metrics.is_empty() {
            page.push_str("nothing could be measured.\n");
            return;
        }
        page.push_str("beside the naive baseline; intervals cover 95 %.\n\n");
        let rows: Vec<Vec<String>> = self.metrics.iter().map(Metric::row).collect();
        table(page, &["metric", "model", "interval", "baseline", "better"], &rows, 1);
        let Some(first) = self.segments.first() else { return };
        page.push_str("\nBy segment:\n\n");
        let names: Vec<&str> = first.metrics.iter().map(|(name, _)| name.as_str()).collect();
        let header: Vec<&str> = ["segment", "customers"].into_iter().chain(names.iter().copied()).collect();
        let rows = self.segments.iter().map(|segment| {
            let found = |name: &&str| segment.metrics.iter().find(|(n, _)| n == name).and_then(|(_, value)| *value);
            let known = [segment.segment.clone(), number::count(segment.customers)];
            known.into_iter().chain(names.iter().map(|name| figure(found(name)))).collect()
        });
        table(page, &header, &rows.collect::<Vec<Vec<String>>>(), 1);
    }
}

impl Recipe {
    fn training(&self) -> String {
        let snapshots = match self.training_snapshots {
            1 => format!("snapshot {}", self.training_from),
            n => format!("{n} snapshots, {} to {}", self.training_from, self.training_to),
        };
        format!("{snapshots}; {} rows", number::count(self.training_rows))
    }
}

impl Metric {
    fn row(&self) -> Vec<String> {
        let interval = match (self.model.low, self.model.high) {
            (Some(low), Some(high)) => format!("{} to {}", figure(Some(low)), figure(Some(high))),
            _ => "–".to_owned(),
        };
        let better = match self.better {
            Better::Higher => "higher",
            Better::Lower => "lower",
            Better::Zero => "near 0",
        };
        let model = figure(Some(self.model.value));
        vec![self.metric.clone(), model, interval, figure(self.baseline), better.to_owned()]
    }
}

/// A figure with what tells of its size: three decimals below 100, none above.
fn figure(value: Option<f64>) -> String {
    let Some(value) = value else { return "–".to_owned() };
    let size =
        if value.abs() < 99.9995 { format!("{:.3}", value.abs()) } else { number::count(value.abs().round() as u64) };
    let sign = if value < 0.0 && size.bytes().any(|b| (b'1'..=b'9').contains(&b)) { "−" } else { "" };
    format!("{sign}{size}")
}

/// Text without line breaks: names come from data and settings.
fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A section of sentences; left out without any.
fn bullets(page: &mut String, title: &str, sentences: &[String]) {
    if sentences.is_empty() {
        return;
    }
    let _ = write!(page, "\n## {title}\n\n");
    for sentence in sentences {
        let _ = writeln!(page, "- {}", line(sentence));
    }
}

/// A table whose first `words` columns stand to the left, as do remarks; figures stand to the right.
fn table(page: &mut String, header: &[&str], rows: &[Vec<String>], words: usize) {
    // A bar would end the cell.
    let cell = |text: &str| line(text).replace('|', "\\|");
    let mut lines: Vec<Vec<String>> = vec![header.iter().map(|h| cell(h)).collect()];
    lines.extend(rows.iter().map(|row| row.iter().map(|text| cell(text)).collect()));
    let width = |column: usize| lines.iter().map(|l| l[column].chars().count()).max().unwrap_or(0).max(3);
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let left = |column: usize| column < words || matches!(header[column], "remark" | "better");
    for (at, cells) in lines.iter().enumerate() {
        let mut padded = Vec::with_capacity(cells.len());
        for (column, text) in cells.iter().enumerate() {
            let blank = " ".repeat(widths[column].saturating_sub(text.chars().count()));
            padded.push(if left(column) { format!("{text}{blank}") } else { format!("{blank}{text}") });
        }
        let _ = writeln!(page, "| {} |", padded.join(" | "));
        if at == 0 {
            let rule = |column: usize| {
                let dashes = "-".repeat(widths[column] - usize::from(!left(column)));
                if left(column) { dashes } else { format!("{dashes}:") }
            };
            let rules: Vec<String> = (0..header.len()).map(rule).collect();
            let _ = writeln!(page, "| {} |", rules.join(" | "));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Better, Candidate, Card, DataWindows, Metric, Recipe, SegmentMetrics, figure};
    use crate::summary::{Estimate, Window};

    fn words(sentences: &[&str]) -> Vec<String> {
        sentences.iter().map(|s| (*s).to_owned()).collect()
    }

    fn card() -> Card {
        let window = |from: &str, to: &str| Window { from: from.into(), to: to.into() };
        let recipe = |from: &str, to: &str, training_rows, calibration: Option<(&str, &str)>| Recipe {
            training_from: from.into(),
            training_to: to.into(),
            training_snapshots: 7,
            training_rows,
            calibration: calibration.map(|(from, to)| window(from, to)),
        };
        let metric = |metric: &str, better, value, interval: Option<(f64, f64)>, baseline| Metric {
            metric: metric.into(),
            better,
            model: Estimate { value, low: interval.map(|i| i.0), high: interval.map(|i| i.1) },
            baseline,
        };
        let candidate = |name: &str, score, remark: &str| Candidate { name: name.into(), score, remark: remark.into() };
        let segment = |name: &str, customers, auc| SegmentMetrics {
            segment: name.into(),
            customers,
            metrics: vec![("AUC".into(), auc), ("ECE".into(), Some(0.021))],
        };
        Card {
            name: "Churn".into(),
            version: "0.1.0".into(),
            predicts: "The probability that a customer buys nothing in the 180 days after the snapshot.".into(),
            intended_use: words(&["To rank customers for a campaign that keeps them."]),
            not_intended_use: words(&["To refuse a customer anything.", "To judge a single customer."]),
            data: DataWindows {
                population: "customers with a purchase before the snapshot".into(),
                evaluated: Some(recipe("2010-06-12", "2010-12-09", 24_113, Some(("2010-12-09", "2011-06-12")))),
                in_use: recipe("2010-12-12", "2011-06-12", 35_870, Some(("2011-06-12", "2011-12-09"))),
                test: Some(window("2011-06-12", "2011-12-09")),
                test_customers: 5_112,
            },
            horizon_days: 180,
            features: 49,
            candidates: vec![
                candidate("pool", Some(0.462), "mean of both on log-odds"),
                candidate("boosting", Some(0.4651), ""),
                candidate("logistic", None, "did | not converge"),
            ],
            choice: "The pool has the least log loss on the calibration window.".into(),
            metrics: vec![
                metric("AUC", Better::Higher, 0.7871, Some((0.7731, 0.8004)), Some(0.7213)),
                metric("expected calibration error", Better::Lower, 0.018, None, None),
                metric("portfolio error", Better::Zero, -0.0312, Some((-0.08, 0.012)), Some(-0.1211)),
                metric("RMSE", Better::Lower, 1_234.4, None, Some(1_873.0)),
            ],
            segments: vec![segment("Champions", 633, Some(0.741)), segment("Can't Lose", 12, None)],
            calibration: words(&["56 % were predicted to churn and 55 % did."]),
            limits: words(&["Customers without\na purchase are not judged."]),
            unknown: words(&["Why a customer leaves."]),
            seed: 42,
            determinism: "The same inputs, settings and seed give the same bytes on any number of threads.".into(),
        }
    }

    #[test]
    fn the_page_reads_well() {
        insta::assert_snapshot!(card().to_markdown(), @r"
        # Model card: Churn

        The probability that a customer buys nothing in the 180 days after the snapshot.

        ## Intended use

        - To rank customers for a campaign that keeps them.

        ## Not intended use

        - To refuse a customer anything.
        - To judge a single customer.

        ## Data

        | what                     | is                                                 |
        | ------------------------ | -------------------------------------------------- |
        | population               | customers with a purchase before the snapshot      |
        | evaluated: trained on    | 7 snapshots, 2010-06-12 to 2010-12-09; 24,113 rows |
        | evaluated: calibrated on | 2010-12-09 to 2011-06-12                           |
        | evaluated: tested on     | 2011-06-12 to 2011-12-09; 5,112 customers          |
        | in use: trained on       | 7 snapshots, 2010-12-12 to 2011-06-12; 35,870 rows |
        | in use: calibrated on    | 2011-06-12 to 2011-12-09                           |
        | horizon                  | 180 days                                           |
        | features                 | 49                                                 |

        The model in use is the one that was evaluated, made anew on later windows.

        ## Candidates

        | candidate | score | remark                   |
        | --------- | ----: | ------------------------ |
        | pool      | 0.462 | mean of both on log-odds |
        | boosting  | 0.465 |                          |
        | logistic  |     – | did \| not converge      |

        The pool has the least log loss on the calibration window.

        ## Quality

        On the test window, 2011-06-12 to 2011-12-09, beside the naive baseline; intervals cover 95 %.

        | metric                     |  model |        interval | baseline | better |
        | -------------------------- | -----: | --------------: | -------: | ------ |
        | AUC                        |  0.787 |  0.773 to 0.800 |    0.721 | higher |
        | expected calibration error |  0.018 |               – |        – | lower  |
        | portfolio error            | −0.031 | −0.080 to 0.012 |   −0.121 | near 0 |
        | RMSE                       |  1,234 |               – |    1,873 | lower  |

        By segment:

        | segment    | customers |   AUC |   ECE |
        | ---------- | --------: | ----: | ----: |
        | Champions  |       633 | 0.741 | 0.021 |
        | Can't Lose |        12 |     – | 0.021 |

        ## Calibration

        - 56 % were predicted to churn and 55 % did.

        ## Limits

        - Customers without a purchase are not judged.

        ## What is not known

        - Why a customer leaves.

        ## How it was made

        tenure 0.1.0, seed 42. The same inputs, settings and seed give the same bytes on any number of threads.
        ");
    }

    #[test]
    fn json_gives_the_card_back() {
        let text = serde_json::to_string(&card()).unwrap();
        assert_eq!(serde_json::from_str::<Card>(&text).unwrap(), card());
    }

    #[test]
    fn what_was_not_measured_is_not_invented() {
        let empty =
            Card { metrics: Vec::new(), segments: Vec::new(), candidates: Vec::new(), limits: Vec::new(), ..card() };
        let page = empty.to_markdown();
        assert!(page.contains("On the test window, 2011-06-12 to 2011-12-09, nothing could be measured.\n"));
        assert!(!page.contains("## Limits") && !page.contains("| candidate"));
        let mut formula = Card { features: 0, ..card() };
        (formula.data.evaluated, formula.data.test) = (None, None);
        let page = formula.to_markdown();
        assert!(page.contains("none: it is a formula") && page.contains("| not tested") && !page.contains("made anew"));
    }

    #[test]
    fn figures_tell_their_size() {
        let shown = [Some(0.78712), Some(-0.0001), Some(-12.5), Some(12_345.6), None].map(figure);
        assert_eq!(shown, ["0.787", "0.000", "−12.500", "12,346", "–"]);
    }
}
