//! How the figures are made, in a sentence each.

use super::{Chapter, Result, Shelf, row, say};

pub(super) fn chapter(_: &Shelf<'_>) -> Result<Option<Chapter>> {
    let mut page = Chapter::new("methods", "How it was done");
    page.table(
        "Methods; the pages of the documentation say more",
        &["Of what", "How", "Page"],
        [
            ("Data", "Rows are read as they are; what cannot be used is set aside with a reason, and the count balances.", "clean.md"),
            ("Features", "Computed at monthly snapshots from what was known strictly before each.", "features.md"),
            ("Segments", "Fifths of recency, frequency and money are the scores of a customer; the map in use names segments by them. Clusters are found apart from these and have names of the same words.", "segment.md"),
            ("Who leaves", "A pool of models, trained on earlier windows, calibrated on a later one, tested on the latest whose outcome is known.", "churn.md"),
            ("Value", "Spend within the horizon, levelled by the season, with intervals set on later data.", "value.md"),
            ("Buying and leaving", "Buy-till-you-die models by maximum likelihood.", "btyd.md"),
            ("Coming months", "Simple seasonal methods, the one that was best on months of the past; interval from its errors.", "forecast.md"),
            ("Plan", "A multiple-choice knapsack solved with a bound, so that its distance from the best plan is known in money.", "allocate.md"),
            ("This report", "Every figure carries the cell of the run's files it was read from; before it is published each is read again and compared.", "report.md"),
        ]
        .map(|(what, how, page)| row![say![what], say![how], say!["docs/methods/", page]])
        .into(),
    );
    Ok(Some(page))
}
