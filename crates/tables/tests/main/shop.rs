//! Lines of a shop, and the queries run over them one after the other, as the stages do.

use std::path::PathBuf;

use datafusion::arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use tempfile::TempDir;
use tenure_tables::engine::{Engine, EngineConfig, Value};
use tenure_tables::frame::Frame;
use tenure_tables::query;
use tenure_tables::sequence::Sequence;
use tenure_tables::store::{self, Column, SplitWriter};

/// Microseconds of one day.
pub(crate) const DAY_US: i64 = 86_400_000_000;
/// Days of the season window in `features.sql`.
pub(crate) const SEASON_DAYS: i64 = 90;

/// An instant in microseconds from its text.
pub(crate) fn us(text: &str) -> i64 {
    string_to_timestamp_nanos(text).unwrap() / 1000
}

/// A line of the source.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) customer: Option<String>,
    pub(crate) order: String,
    pub(crate) sku: String,
    pub(crate) quantity: f64,
    pub(crate) price: f64,
    pub(crate) ordered_us: i64,
    pub(crate) recorded_us: Option<i64>,
    pub(crate) line_no: i64,
}

/// Lines of one order.
pub(crate) fn order(customer: &str, order: &str, at: &str, lines: &[(&str, f64, f64)]) -> Vec<Line> {
    lines
        .iter()
        .map(|&(sku, quantity, price)| Line {
            customer: Some(customer.to_owned()),
            order: order.to_owned(),
            sku: sku.to_owned(),
            quantity,
            price,
            ordered_us: us(at),
            recorded_us: None,
            line_no: 0,
        })
        .collect()
}

/// The same, known to the shop only at a later instant.
pub(crate) fn late(lines: Vec<Line>, recorded_at: &str) -> Vec<Line> {
    lines.into_iter().map(|line| Line { recorded_us: Some(us(recorded_at)), ..line }).collect()
}

/// Gives each line its number, in order.
pub(crate) fn numbered(lines: &[Line]) -> Vec<Line> {
    lines.iter().zip(2..).map(|(line, line_no)| Line { line_no, ..line.clone() }).collect()
}

/// What is asked of the lines.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// Lines from here on are set aside.
    pub(crate) as_of: &'static str,
    pub(crate) snapshots: Vec<&'static str>,
    /// Snapshot and horizon in days.
    pub(crate) windows: Vec<(&'static str, i64)>,
}

/// The tables that the chain of queries leaves.
pub(crate) struct Tables {
    dir: TempDir,
    pub(crate) engine: Engine,
    /// Lines kept and set aside.
    pub(crate) counts: (u64, u64),
}

/// Every table that a query can ask for.
pub(crate) const TABLES: [&str; 12] = [
    "transactions",
    "customer_rows",
    "customers",
    "attribute_kinds",
    "unparsed",
    "outlier_bounds",
    "cleaned",
    "order_events",
    "snapshots",
    "features",
    "label_windows",
    "portfolio_windows",
];

impl Tables {
    /// Runs `cleaned`, the walk over it, `order_events`, `features` and `labels`. One record could not be parsed.
    pub(crate) fn build(lines: &[Line], question: &Question, config: &EngineConfig) -> Self {
        let dir = TempDir::new().unwrap();
        let mut tables = Self { engine: Engine::open(config).unwrap(), counts: (0, 0), dir };
        tables.write_sources(lines);
        tables.clean(question.as_of);
        tables.engine.write(query::ORDER_EVENTS.sql, &[], &tables.path("order_events")).unwrap();
        tables.register("order_events");

        let snapshots = &question.snapshots;
        tables.put(
            "snapshots",
            &[
                ("as_of", Column::Text(snapshots.iter().map(|s| (*s).to_owned()).collect())),
                ("as_of_us", Column::I64(snapshots.iter().map(|s| us(s)).collect())),
            ],
        );
        let season = [("season_days", Value::I64(SEASON_DAYS))];
        tables.engine.write_partitioned(query::FEATURES.sql, &season, &tables.path("features")).unwrap();
        tables.register("features");

        tables.know_customers(snapshots[0], question.as_of);
        let windows = &question.windows;
        let end = |(start, days): &(&str, i64)| us(start) + days * DAY_US;
        tables.put(
            "label_windows",
            &[
                ("as_of", Column::Text(windows.iter().map(|w| w.0.to_owned()).collect())),
                ("as_of_us", Column::I64(windows.iter().map(|w| us(w.0)).collect())),
                ("horizon_days", Column::I64(windows.iter().map(|w| w.1).collect())),
                ("end_us", Column::I64(windows.iter().map(end).collect())),
            ],
        );
        tables.put(
            "portfolio_windows",
            &[
                ("name", Column::Text(windows.iter().map(|w| format!("{} {}", w.0, w.1)).collect())),
                ("start_us", Column::I64(windows.iter().map(|w| us(w.0)).collect())),
                ("end_us", Column::I64(windows.iter().map(end).collect())),
            ],
        );
        tables
    }

    /// What the shop knows of its customers besides their orders; of one plan it says two things.
    fn know_customers(&self, first: &str, as_of: &str) {
        type Row = (&'static str, &'static str, Option<&'static str>, Option<f64>, &'static str);
        let never: Option<&str> = None;
        let rows: [Row; 18] = [
            ("00123", "region", never, None, "UK"),
            ("bob", "region", never, None, "DE"),
            ("cat", "region", never, None, "UK"),
            ("dan", "region", never, None, "DE"),
            ("eve", "region", never, None, "UK"),
            ("zoe", "region", never, None, "UK"),
            ("00123", "visits", Some("2011-05-01"), Some(3.0), "3"),
            ("00123", "visits", Some("2011-06-01"), Some(5.0), "5"),
            ("00123", "visits", Some("2011-07-15"), Some(7.0), "7"),
            ("00123", "visits", Some("2011-07-15"), Some(7.0), "7.0"),
            ("bob", "visits", Some("2011-09-01"), Some(9.0), "9"),
            ("cat", "visits", Some("2011-07-02"), None, "many"),
            ("eve", "visits", Some("2011-05-02"), None, "n/a"),
            ("cat", "vip", Some("2011-06-15"), Some(1.0), "yes"),
            ("eve", "vip", Some("2011-07-20"), Some(0.0), "no"),
            ("cat", "plan", Some("2011-01-01"), None, "silver"),
            ("cat", "plan", Some("2011-01-01"), None, "gold"),
            ("00123", "plan", Some("2011-07-31 23:59:59"), None, "gold"),
        ];
        let instants: Vec<Option<i64>> = rows.iter().map(|row| row.2.map(us)).collect();
        let raw = self.dir.path().join("raw_customers.parquet");
        store::write_columns(
            &raw,
            &[
                ("customer_id", Column::Text(rows.iter().map(|row| row.0.to_owned()).collect())),
                ("attribute", Column::Text(rows.iter().map(|row| row.1.to_owned()).collect())),
                ("from_us", Column::OptI64(instants)),
                ("number", Column::OptF64(rows.iter().map(|row| row.3).collect())),
                ("text", Column::Text(rows.iter().map(|row| row.4.to_owned()).collect())),
                ("line_no", Column::I64((2..).take(rows.len()).collect())),
            ],
        )
        .unwrap();
        self.engine.register("raw_customers", &raw).unwrap();
        let sql = "select customer_id, attribute, arrow_cast(from_us, 'Timestamp(Microsecond, None)') as valid_from,
                       number, text, line_no
                   from raw_customers";
        self.engine.write(sql, &[], &self.path("customer_rows")).unwrap();
        self.register("customer_rows");
        let said = |attribute: &str| [("attribute", Value::Text(attribute.to_owned()))];
        let attributes = ["region", "visits", "vip", "plan"].map(said);
        let attributes = attributes.each_ref().map(|attribute| &attribute[..]);
        self.engine.write_each(query::CUSTOMERS.sql, &attributes, &self.path("customers")).unwrap();
        self.register("customers");
        let values = [("first_us", Value::I64(us(first))), ("as_of_us", Value::I64(us(as_of)))];
        self.engine.write(query::ATTRIBUTE_KINDS.sql, &values, &self.path("attribute_kinds")).unwrap();
        self.register("attribute_kinds");
    }

    /// Where a table lies.
    pub(crate) fn path(&self, table: &str) -> PathBuf {
        match table {
            "features" => self.dir.path().join("features"),
            table => self.dir.path().join(format!("{table}.parquet")),
        }
    }

    /// The features at one snapshot, by customer.
    pub(crate) fn features(&self, as_of: &str) -> Rows {
        let sql = "select * from features where as_of = $as_of order by customer_id";
        Rows(self.engine.select(sql, &[("as_of", Value::Text(as_of.to_owned()))]).unwrap())
    }

    /// The outcomes of one window, by customer.
    pub(crate) fn labels(&self, as_of: &str, horizon_days: i64) -> Rows {
        let sql = format!(
            "select * from ({}) where as_of = '{as_of}' and horizon_days = {horizon_days} order by customer_id",
            query::LABELS.sql
        );
        Rows(self.engine.select(&sql, &[]).unwrap())
    }

    /// A query's cells as text, in its order; equal texts are equal values.
    pub(crate) fn cells(&self, sql: &str) -> Vec<(String, Vec<Option<String>>)> {
        let frame = self.engine.select(sql, &[]).unwrap();
        frame.names().into_iter().map(|name| (name.clone(), frame.opt_texts(&name).unwrap())).collect()
    }

    fn put(&self, table: &str, columns: &[(&str, Column)]) {
        store::write_columns(&self.path(table), columns).unwrap();
        self.register(table);
    }

    fn register(&self, table: &str) {
        self.engine.register(table, &self.path(table)).unwrap();
    }

    fn write_sources(&self, lines: &[Line]) {
        let texts = |f: &dyn Fn(&Line) -> Option<String>| Column::OptText(lines.iter().map(f).collect());
        let numbers = |f: &dyn Fn(&Line) -> Option<f64>| Column::OptF64(lines.iter().map(f).collect());
        let raw = self.dir.path().join("raw.parquet");
        store::write_columns(
            &raw,
            &[
                ("customer_id", texts(&|l| l.customer.clone())),
                ("order_id", texts(&|l| Some(l.order.clone()))),
                ("sku", texts(&|l| Some(l.sku.clone()))),
                ("description", texts(&|_| None)),
                ("quantity", numbers(&|l| Some(l.quantity))),
                ("unit_price", numbers(&|l| Some(l.price))),
                ("amount", numbers(&|_| None)),
                ("ordered_at", Column::Instant(lines.iter().map(|l| l.ordered_us).collect())),
                ("recorded_at", Column::Instant(lines.iter().map(|l| l.recorded_us.unwrap_or(l.ordered_us)).collect())),
                ("country", texts(&|_| None)),
                ("currency", texts(&|_| None)),
                ("discount", numbers(&|_| None)),
                ("category", texts(&|_| None)),
                ("channel", texts(&|_| None)),
                ("store", texts(&|_| None)),
                ("source", Column::Text(vec!["shop.csv".to_owned(); lines.len()])),
                ("line_no", Column::I64(lines.iter().map(|l| l.line_no).collect())),
            ],
        )
        .unwrap();
        // One reader, so that the rows keep their order in the file.
        let writer = Engine::open(&EngineConfig::default()).unwrap();
        writer.register("raw", &raw).unwrap();
        let sql = "select * replace (nullif(recorded_at, ordered_at) as recorded_at) from raw";
        let rows = writer.write(sql, &[], &self.path("transactions")).unwrap();
        assert_eq!(rows, lines.len() as u64);
        self.register("transactions");
        self.put(
            "unparsed",
            &[
                ("source", Column::Text(vec!["shop.csv".to_owned()])),
                ("line_no", Column::I64(vec![1_000_000])),
                ("column", Column::OptText(vec![Some("ordered_at".to_owned())])),
                ("value", Column::OptText(vec![Some("yesterday".to_owned())])),
                ("reason", Column::Text(vec!["bad_date".to_owned()])),
                ("record", Column::Text(vec!["eve,yesterday".to_owned()])),
            ],
        );
        self.put(
            "outlier_bounds",
            &[
                ("month", Column::Instant(vec![])),
                ("amount_lower", Column::F64(vec![])),
                ("amount_upper", Column::F64(vec![])),
            ],
        );
    }

    fn clean(&mut self, as_of: &str) {
        let (kept, aside) = (self.path("cleaned"), self.path("quarantine"));
        let mut writer: Option<SplitWriter> = None;
        let mut sequence = Sequence::new(true);
        self.engine
            .stream(query::CLEANED.sql, &parameters(query::CLEANED.sql, as_of), &mut |batch| {
                let batch = sequence.walk(&batch)?;
                if writer.is_none() {
                    let only_aside = ["stage", "reason", "record"];
                    writer = Some(SplitWriter::create(&batch.schema(), "reason", &only_aside, &kept, &aside)?);
                }
                writer.as_mut().unwrap().push(&batch)
            })
            .unwrap();
        self.counts = writer.unwrap().finish().unwrap();
        self.register("cleaned");
        self.register("quarantine");
    }
}

/// The values of those parameters that a query names.
pub(crate) fn parameters(sql: &str, as_of: &str) -> Vec<(&'static str, Value)> {
    let at = us(as_of);
    let all = [
        ("as_of", Value::Instant(at)),
        ("at", Value::Instant(at - 30 * DAY_US)),
        ("how", Value::Text("returned".to_owned())),
        ("data_end", Value::Instant(at)),
        ("start", Value::Instant(us("2000-01-01"))),
        ("end", Value::Instant(at)),
        ("recent_from", Value::Instant(at - 30 * DAY_US)),
        ("cancellation_prefix", Value::Text("C".to_owned())),
        ("non_product_pattern", Value::Text("^(?:(?:POST|D|M)$)".to_owned())),
        ("drop_duplicates", Value::Bool(true)),
        ("drop_outliers", Value::Bool(false)),
        ("cap_outliers", Value::Bool(false)),
        ("bin_width", Value::F64(0.05)),
        ("quantity_bound", Value::F64(1e5)),
        ("price_bound", Value::F64(1e5)),
        ("amount_bound", Value::F64(1e6)),
        ("season_days", Value::I64(SEASON_DAYS)),
        ("first_us", Value::I64(us("2011-06-01"))),
        ("start_us", Value::I64(us("2011-06-01"))),
        ("end_us", Value::I64(us("2011-07-01"))),
        ("snapshot", Value::Text("2011-06-01".to_owned())),
        ("as_of_us", Value::I64(at)),
        ("attribute", Value::Text("plan".to_owned())),
    ];
    all.into_iter().filter(|(name, _)| sql.contains(&format!("${name}"))).collect()
}

/// Rows by customer.
pub(crate) struct Rows(pub(crate) Frame);

impl Rows {
    pub(crate) fn customers(&self) -> Vec<String> {
        self.0.texts("customer_id").unwrap()
    }

    /// A customer's number; NaN where it is null.
    pub(crate) fn get(&self, customer: &str, column: &str) -> f64 {
        let row = self.customers().iter().position(|c| c == customer);
        self.0.f64s(column).unwrap()[row.unwrap_or_else(|| panic!("no row of {customer}"))]
    }
}
