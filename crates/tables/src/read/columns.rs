//! Which header is which column: the canonical columns, the names they go by, and the mapping of a file's headers.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, AsArray, Float64Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Float64Type, Schema, SchemaRef, TimeUnit};

use crate::error::{Error, Result};

/// How many canonical columns come from a source (`source` and `line_no` are added by the reader).
pub(crate) const COLUMNS: usize = 15;

/// How the values of a column are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text that identifies something: trimmed, never computed with.
    Id,
    /// Text that describes something.
    Text,
    /// A number.
    Number,
    /// An instant.
    Instant,
    /// A number or a text, told value by value: an attribute of a customer.
    Attribute,
}

/// A canonical column and the folded names it goes by.
pub(crate) struct Canonical {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    names: &'static [&'static str],
}

pub(crate) const CUSTOMER_ID: usize = 0;
pub(crate) const QUANTITY: usize = 4;
pub(crate) const UNIT_PRICE: usize = 5;
pub(crate) const AMOUNT: usize = 6;
pub(crate) const ORDERED_AT: usize = 7;
pub(crate) const DISCOUNT: usize = 11;
/// In a table of customers; behind the columns of transactions, so that no index means two things.
pub(crate) const VALID_FROM: usize = COLUMNS;
/// The first attribute of a table of customers.
pub(crate) const FIRST_ATTRIBUTE: usize = COLUMNS + 1;

/// The canonical columns in the order of the table.
pub(crate) const CANONICAL: [Canonical; COLUMNS] = [
    Canonical {
        name: "customer_id",
        kind: Kind::Id,
        names: &[
            "customerid",
            "customer",
            "customerno",
            "customernumber",
            "customercode",
            "customerref",
            "custid",
            "custno",
            "clientid",
            "client",
            "clientno",
            "userid",
            "user",
            "memberid",
            "member",
            "buyerid",
            "shopperid",
            "accountid",
        ],
    },
    Canonical {
        name: "order_id",
        kind: Kind::Id,
        names: &[
            "orderid",
            "order",
            "orderno",
            "ordernumber",
            "invoice",
            "invoiceno",
            "invoiceid",
            "invoicenumber",
            "basket",
            "basketid",
            "transactionid",
            "transactionno",
            "receipt",
            "receiptid",
            "receiptno",
        ],
    },
    Canonical {
        name: "sku",
        kind: Kind::Id,
        names: &[
            "sku",
            "stockcode",
            "product",
            "productid",
            "productcode",
            "item",
            "itemid",
            "itemcode",
            "article",
            "articleid",
            "articleno",
        ],
    },
    Canonical {
        name: "description",
        kind: Kind::Text,
        names: &["description", "productdescription", "productname", "itemdescription", "itemname"],
    },
    Canonical { name: "quantity", kind: Kind::Number, names: &["quantity", "qty", "units", "unitssold", "itemcount"] },
    Canonical {
        name: "unit_price",
        kind: Kind::Number,
        names: &["unitprice", "price", "priceperunit", "itemprice", "productprice"],
    },
    Canonical {
        name: "amount",
        kind: Kind::Number,
        names: &[
            "amount",
            "spend",
            "total",
            "totalamount",
            "totalprice",
            "linetotal",
            "lineamount",
            "revenue",
            "sales",
            "salesamount",
            "orderamount",
            "ordertotal",
            "ordervalue",
            "dollarvalue",
            "amountspent",
        ],
    },
    Canonical {
        name: "ordered_at",
        kind: Kind::Instant,
        names: &[
            "orderedat",
            "orderdate",
            "orderdatetime",
            "ordertime",
            "date",
            "datetime",
            "timestamp",
            "invoicedate",
            "invoicedatetime",
            "purchasedate",
            "purchasedat",
            "transactiondate",
            "transactiontime",
            "createdat",
            "saledate",
            "dateoforder",
            "orderpurchasetimestamp",
        ],
    },
    Canonical {
        name: "recorded_at",
        kind: Kind::Instant,
        names: &["recordedat", "ingestedat", "loadedat", "arrivedat", "receivedat"],
    },
    Canonical { name: "country", kind: Kind::Text, names: &["country", "region", "countrycode", "countryname"] },
    Canonical { name: "currency", kind: Kind::Text, names: &["currency", "currencycode"] },
    Canonical { name: "discount", kind: Kind::Number, names: &["discount", "discountamount"] },
    Canonical { name: "category", kind: Kind::Text, names: &["category", "productcategory", "department"] },
    Canonical { name: "channel", kind: Kind::Text, names: &["channel", "saleschannel", "orderchannel"] },
    Canonical { name: "store", kind: Kind::Text, names: &["store", "storeid", "shop", "shopid", "branch"] },
];

/// From when on the values of a row of customers hold.
pub(crate) static VALID_FROM_COLUMN: Canonical = Canonical {
    name: "valid_from",
    kind: Kind::Instant,
    names: &["validfrom", "validsince", "effectivefrom", "effectivedate", "effectiveat", "changedat", "updatedat"],
};

/// How a column of any table is read.
pub(crate) fn kind(at: usize) -> Kind {
    match CANONICAL.get(at) {
        Some(column) => column.kind,
        None if at == VALID_FROM => VALID_FROM_COLUMN.kind,
        None => Kind::Attribute,
    }
}

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut fields: Vec<Field> = CANONICAL
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let kind = match column.kind {
                Kind::Id | Kind::Text | Kind::Attribute => DataType::Utf8,
                Kind::Number => DataType::Float64,
                Kind::Instant => DataType::Timestamp(TimeUnit::Microsecond, None),
            };
            Field::new(column.name, kind, index != ORDERED_AT)
        })
        .collect();
    fields.push(Field::new("source", DataType::Utf8, false));
    fields.push(Field::new("line_no", DataType::Int64, false));
    Arc::new(Schema::new(fields))
});

/// The canonical table `transactions`: the same for every source, whatever columns the source has.
///
/// `customer_id, order_id, sku, description` (text), `quantity, unit_price, amount` (Float64), `ordered_at` (naive
/// microseconds, never null), `recorded_at`, `country, currency` (text), `discount` (Float64), `category, channel,
/// store` (text), `source` (text, never null) and `line_no` (Int64, never null).
#[must_use]
pub fn transactions_schema() -> SchemaRef {
    Arc::clone(&SCHEMA)
}

/// What the lines of a source add up to, exactly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Quantities, each rounded to a whole.
    pub quantity: i64,
    /// Unit prices in thousandths, each rounded.
    pub price_e3: i64,
}

/// The sums of a batch of [`transactions_schema`], by source; what is missing counts nothing.
#[must_use]
pub fn sums(batch: &RecordBatch) -> BTreeMap<String, Sums> {
    let number = |name: &str| batch.column_by_name(name).map(AsArray::as_primitive::<Float64Type>);
    let (quantities, prices) = (number("quantity"), number("unit_price"));
    let mut found: BTreeMap<String, Sums> = BTreeMap::new();
    let Some(sources) = batch.column_by_name("source").map(AsArray::as_string::<i32>) else { return found };
    let mut start = 0;
    while start < sources.len() {
        let source = sources.value(start);
        let end = (start..sources.len()).find(|&row| sources.value(row) != source).unwrap_or(sources.len());
        let sum = found.entry(source.to_owned()).or_default();
        let add = |column: Option<&Float64Array>, scale: f64| -> i64 {
            column.map_or(0, |c| c.slice(start, end - start).iter().flatten().map(|v| (v * scale).round() as i64).sum())
        };
        sum.quantity += add(quantities, 1.0);
        sum.price_e3 += add(prices, 1000.0);
        start = end;
    }
    found
}

/// Which header serves which column.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Mapping {
    /// Header index per column: the canonical ones, and in a table of customers `valid_from` and the attributes.
    pub(crate) header: Vec<Option<usize>>,
    /// The names of the attributes.
    pub(crate) attributes: Vec<String>,
}

impl Mapping {
    /// How many columns a row can have.
    pub(crate) fn slots(&self) -> usize {
        self.header.len()
    }

    pub(crate) fn name(&self, at: usize) -> &str {
        match CANONICAL.get(at) {
            Some(column) => column.name,
            None if at == VALID_FROM => VALID_FROM_COLUMN.name,
            None => self.attributes.get(at - FIRST_ATTRIBUTE).map_or("", String::as_str),
        }
    }

    /// Where the setting stands that names its columns.
    pub(crate) fn section(&self) -> &'static str {
        if self.slots() > COLUMNS { CUSTOMER_COLUMNS } else { TRANSACTION_COLUMNS }
    }

    /// Mapped columns as (canonical index, header index), in the order of the table.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.header.iter().enumerate().filter_map(|(canonical, header)| header.map(|h| (canonical, h)))
    }

    pub(crate) fn has(&self, canonical: usize) -> bool {
        self.header.get(canonical).is_some_and(Option::is_some)
    }

    /// Customer and date alone: nothing to value an order with.
    pub(crate) fn counts_only(&self) -> bool {
        !(self.has(AMOUNT) || self.has(QUANTITY) && self.has(UNIT_PRICE))
    }
}

const TRANSACTION_COLUMNS: &str = "data.columns";
const CUSTOMER_COLUMNS: &str = "customers.columns";

/// A header as it is compared: lower case, letters and digits only.
#[must_use]
pub fn fold(header: &str) -> String {
    header.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// How many of the columns a row of headers would serve: what tells a header row from a title or from data.
pub(crate) fn recognised<'c>(
    columns: impl IntoIterator<Item = &'c Canonical>,
    headers: &[String],
    wanted: &BTreeMap<String, String>,
) -> usize {
    let folded: Vec<String> = headers.iter().map(|h| fold(h)).collect();
    columns
        .into_iter()
        .filter(|column| match wanted.get(column.name) {
            Some(header) => !header.is_empty() && folded.contains(&fold(header)),
            None => folded.iter().any(|h| column.names.contains(&h.as_str())),
        })
        .count()
}

/// Finds the canonical columns among a table's headers.
///
/// `wanted` names headers per canonical column; an empty name leaves the canonical column out.
/// Errors name the file, the headers found, the nearest candidates and the setting that settles it.
pub(crate) fn map(file: &str, headers: &[String], wanted: &BTreeMap<String, String>) -> Result<Mapping> {
    let refuse = |problem: String, cure: String| Error::Read { file: file.to_owned(), place: None, problem, cure };
    let columns: Vec<(usize, &Canonical)> = CANONICAL.iter().enumerate().collect();
    let mapping =
        find(file, headers, wanted, &columns, Mapping { header: vec![None; COLUMNS], attributes: Vec::new() })?;
    for index in [CUSTOMER_ID, ORDERED_AT] {
        if !mapping.has(index) {
            return Err(missing(file, headers, &CANONICAL[index], mapping.section()));
        }
    }
    if mapping.has(UNIT_PRICE) && !mapping.has(QUANTITY) && !mapping.has(AMOUNT) {
        let header = mapping.header[UNIT_PRICE].map_or("", |at| headers[at].as_str());
        return Err(refuse(
            format!("there is a price ('{header}') but no quantity, so what an order is worth cannot be told"),
            format!(
                "if '{header}' is what was paid, {}; else name the quantity the same way",
                setting(mapping.section(), "amount", header)
            ),
        ));
    }
    Ok(mapping)
}

/// Finds the columns of a table of customers that are no attributes: the customer, and from when on a row holds.
pub(crate) fn map_customers(file: &str, headers: &[String], wanted: &BTreeMap<String, String>) -> Result<Mapping> {
    let columns = [(CUSTOMER_ID, &CANONICAL[CUSTOMER_ID]), (VALID_FROM, &VALID_FROM_COLUMN)];
    let empty = Mapping { header: vec![None; FIRST_ATTRIBUTE], attributes: Vec::new() };
    let mapping = find(file, headers, wanted, &columns, empty)?;
    if !mapping.has(CUSTOMER_ID) {
        return Err(missing(file, headers, &CANONICAL[CUSTOMER_ID], mapping.section()));
    }
    Ok(mapping)
}

/// Fills a mapping by the names that the user gives, then by those that the columns go by.
fn find(
    file: &str,
    headers: &[String],
    wanted: &BTreeMap<String, String>,
    columns: &[(usize, &Canonical)],
    mut mapping: Mapping,
) -> Result<Mapping> {
    let refuse = |problem: String, cure: String| Error::Read { file: file.to_owned(), place: None, problem, cure };
    let section = mapping.section();
    let folded: Vec<String> = headers.iter().map(|h| fold(h)).collect();
    duplicates(headers).map_or(Ok(()), |(header, first, second)| {
        Err(refuse(
            format!("the header '{header}' stands twice, in columns {first} and {second}"),
            "rename one of the two columns: which one is meant cannot be told".to_owned(),
        ))
    })?;
    let mut taken = vec![false; headers.len()];
    for (canonical, header) in wanted {
        let Some((index, _)) = columns.iter().find(|(_, column)| column.name == canonical) else {
            let names: Vec<&str> = columns.iter().map(|(_, column)| column.name).collect();
            return Err(refuse(
                format!("[{section}] names '{canonical}', which is not a column of tenure"),
                format!("use one of {}", names.join(", ")),
            ));
        };
        if header.is_empty() {
            continue;
        }
        let Some(found) = position(headers, header) else {
            return Err(refuse(
                format!("[{section}] {canonical} = \"{header}\", but the headers are {}", listed(headers)),
                format!("name one of the headers found{}", hint(&nearest(headers, &[&fold(header)]))),
            ));
        };
        mapping.header[*index] = Some(found);
        taken[found] = true;
    }
    for (index, column) in columns {
        if wanted.contains_key(column.name) {
            continue;
        }
        let mut found = folded
            .iter()
            .enumerate()
            .filter(|(at, header)| !taken[*at] && column.names.contains(&header.as_str()))
            .map(|(at, _)| at);
        mapping.header[*index] = found.next();
        if let (Some(first), Some(second)) = (mapping.header[*index], found.next()) {
            return Err(refuse(
                format!("two headers could be {}: '{}' and '{}'", column.name, headers[first], headers[second]),
                setting(section, column.name, &headers[first]),
            ));
        }
    }
    Ok(mapping)
}

/// Where a header stands that the user names: as written, else with case, spaces and punctuation left out.
pub(crate) fn position(headers: &[String], name: &str) -> Option<usize> {
    let folded = fold(name);
    headers
        .iter()
        .position(|h| h == name)
        .or_else(|| headers.iter().position(|h| !folded.is_empty() && fold(h) == folded))
}

fn setting(section: &str, canonical: &str, header: &str) -> String {
    format!("say which in tenure.toml: [{section}] {canonical} = \"{header}\"")
}

fn missing(file: &str, headers: &[String], column: &Canonical, section: &str) -> Error {
    // The only header there is stands in the sentence already.
    let near = if headers.len() == 1 { Vec::new() } else { nearest(headers, column.names) };
    let example = near.first().map_or("its header", |h| h.as_str());
    Error::Read {
        file: file.to_owned(),
        place: None,
        problem: format!("no column is {}; the headers found are {}{}", column.name, listed(headers), hint(&near)),
        cure: setting(section, column.name, example),
    }
}

pub(crate) fn hint(near: &[String]) -> String {
    if near.is_empty() {
        return String::new();
    }
    let near: Vec<String> = near.iter().map(|h| format!("'{h}'")).collect();
    format!(" (nearest: {})", near.join(", "))
}

/// Headers as an error lists them: the first twenty, in quotes.
pub(crate) fn listed(headers: &[String]) -> String {
    const SHOWN: usize = 20;
    if headers.is_empty() {
        return "none".to_owned();
    }
    let shown: Vec<String> =
        headers.iter().take(SHOWN).map(|h| format!("'{}'", h.chars().take(60).collect::<String>())).collect();
    let more = headers.len().saturating_sub(SHOWN);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

fn duplicates(headers: &[String]) -> Option<(&str, usize, usize)> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, header) in headers.iter().enumerate().filter(|(_, h)| !h.is_empty()) {
        if let Some(first) = seen.insert(header, index) {
            return Some((header, first + 1, index + 1));
        }
    }
    None
}

/// Up to three headers that resemble one of the names, best first.
pub(crate) fn nearest(headers: &[String], names: &[&str]) -> Vec<String> {
    let mut scored: Vec<(usize, &String)> = headers
        .iter()
        .take(2_000)
        .filter_map(|header| {
            let folded = fold(header);
            let best = names.iter().filter_map(|name| likeness(&folded, name)).min()?;
            Some((best, header))
        })
        .collect();
    scored.sort();
    scored.into_iter().take(3).map(|(_, header)| header.clone()).collect()
}

/// Edits between two folded names, none when more than a third of the letters differ; a name inside the other counts
/// as near.
fn likeness(header: &str, name: &str) -> Option<usize> {
    let (a, b): (Vec<char>, Vec<char>) = (header.chars().take(60).collect(), name.chars().collect());
    if a.len() < 3 || b.len() < 3 {
        return None;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let next = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], next);
        }
    }
    let edits = row[b.len()];
    let longest = a.len().max(b.len());
    if edits * 3 <= longest {
        Some(edits)
    } else if header.contains(name) || name.contains(header) {
        Some(longest)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn headers(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    fn wanted(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    fn refusal(names: &[&str], pairs: &[(&str, &str)]) -> String {
        let error = map("a.csv", &headers(names), &wanted(pairs)).unwrap_err();
        format!("{error} | {}", error.cure().unwrap())
    }

    #[test]
    fn both_spellings_of_online_retail_are_known() {
        for names in [
            ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"],
            ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"],
        ] {
            let mapping = map("a.csv", &headers(&names), &BTreeMap::new()).unwrap();
            let pairs: Vec<(usize, usize)> = mapping.pairs().collect();
            assert_eq!(pairs, [(0, 6), (1, 0), (2, 1), (3, 2), (4, 3), (5, 5), (7, 4), (9, 7)]);
            assert!(!mapping.counts_only());
        }
    }

    #[test]
    fn case_space_and_underscore_do_not_matter() {
        let mapping = map("a.csv", &headers(&["CUSTOMER_id", "order date", "Total Amount"]), &BTreeMap::new()).unwrap();
        assert_eq!(mapping.pairs().collect::<Vec<_>>(), [(0, 0), (6, 2), (7, 1)]);
    }

    #[test]
    fn a_missing_column_is_named_with_headers_nearest_and_cure() {
        let text = refusal(&["Custmer ID", "date", "spend"], &[]);
        assert_eq!(
            text,
            "a.csv: no column is customer_id; the headers found are 'Custmer ID', 'date', 'spend' (nearest: 'Custmer \
             ID') | say which in tenure.toml: [data.columns] customer_id = \"Custmer ID\""
        );
    }

    #[test]
    fn two_headers_for_one_column_are_both_named() {
        let text = refusal(&["customer", "client", "date", "spend"], &[]);
        assert!(text.contains("two headers could be customer_id: 'customer' and 'client'"), "{text}");
        let settled =
            map("a.csv", &headers(&["customer", "client", "date", "spend"]), &wanted(&[("customer_id", "client")]));
        assert_eq!(settled.unwrap().header[CUSTOMER_ID], Some(1));
    }

    #[test]
    fn duplicate_headers_unknown_columns_and_unknown_headers_are_refused() {
        assert!(refusal(&["customer", "date", "date"], &[]).contains("'date' stands twice, in columns 2 and 3"));
        assert!(refusal(&["customer", "date"], &[("customer", "x")]).contains("not a column of tenure"));
        let text = refusal(&["kunde", "date"], &[("customer_id", "kunden")]);
        assert!(text.contains("customer_id = \"kunden\"") && text.contains("nearest: 'kunde'"), "{text}");
    }

    #[test]
    fn a_price_without_a_quantity_is_not_guessed() {
        let text = refusal(&["customer", "date", "price"], &[]);
        assert!(text.contains("[data.columns] amount = \"price\""), "{text}");
        let amount = map("a.csv", &headers(&["customer", "date", "price"]), &wanted(&[("amount", "price")])).unwrap();
        assert_eq!((amount.header[AMOUNT], amount.header[UNIT_PRICE]), (Some(2), None));
    }

    #[test]
    fn an_empty_name_leaves_a_column_out_and_a_date_log_is_counts_only() {
        let names = headers(&["customer", "date", "amount"]);
        let mapping = map("a.csv", &names, &wanted(&[("amount", "")])).unwrap();
        assert!(mapping.counts_only());
    }
}
