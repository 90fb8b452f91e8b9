//! A report is sound as it is made, and every kind of lie in it is found.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::super::document::{Chapter, Standing, Table, say};
use super::super::shelf::Own;
use super::super::{html, markdown};
use super::*;
use crate::artifact::{Manifest, RunFolder};
use crate::ctx::{Caller, Stage};

const FILE: &str = "outputs/months.csv";
const HEADER: [&str; 4] = ["month", "new", "back", "all"];

/// A run with one table, of which the report speaks.
struct Shop {
    run: RunFolder,
    facts: Value,
    _dir: tempfile::TempDir,
}

impl Shop {
    fn new(rows: &[[&str; 4]]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let caller = Caller { build: "a".to_owned(), holder: String::new() };
        let mut run = RunFolder::open(dir.path(), &caller).unwrap();
        run.begin(Manifest::default());
        run.begin_stage();
        let shop = Self {
            run,
            facts: json!({ "share": 0.25, "figures": [["months", "The best month had 7 new."]] }),
            _dir: dir,
        };
        shop.write(rows);
        shop
    }

    fn write(&self, rows: &[[&str; 4]]) {
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect();
        self.run.write_csv(FILE, &HEADER, &rows).unwrap();
        let folder = self.run.write(artifact::FIGURES).unwrap();
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("months.svg"), "<svg><text>7</text></svg>").unwrap();
        std::fs::write(folder.join("months.csv"), "month,new\n2011-01,7\n").unwrap();
    }

    fn shelf(&self) -> Shelf<'_> {
        Shelf::new(&self.run, Own { facts: &self.facts, warnings: &[] }, "GBP")
    }

    /// The report of the shop.
    fn pages(&self) -> Pages {
        let shelf = self.shelf();
        let months = shelf.csv(FILE, Stage::Report).unwrap();
        let count = |row: usize, column: &str| months[row].number(column, Unit::Count).unwrap();
        let share = shelf.record(Stage::Report).unwrap().need("share", Unit::Share).unwrap();
        let row = |row: usize| {
            vec![say![months[row].quote("month").unwrap()], say![count(row, "new")], say![count(row, "all")]]
        };
        let chapter = Chapter {
            id: "summary",
            title: "Months",
            blocks: vec![
                Block::Text(say!["Of 95 % sure things, ", share.standing(Standing::Assumed), " came true."]),
                Block::Table(Table {
                    caption: "Months",
                    columns: vec!["Month", "New", "All"],
                    rows: (0..months.len()).map(row).collect(),
                    opens_segments: true,
                }),
                Block::Picture(shelf.picture("months").unwrap().unwrap()),
            ],
            claims: vec![
                Claim::sum("new and back make all", [&count(0, "new"), &count(0, "back")], &count(0, "all")),
                Claim::rising("new are some of all", &[&count(0, "new"), &count(0, "all")]),
            ],
        };
        let as_of = months[0].quote("month").unwrap();
        let document = Document { tenure: "1", as_of, currency: "GBP".to_owned(), chapters: vec![chapter] };
        let customers = Customers { rows: vec![json!(["7", "New", 1.5])], everyone: 1 };
        Pages {
            html: html::render(&document, &shelf, &customers).unwrap(),
            markdown: markdown::render(&document),
            customers,
            document,
        }
    }

    /// What the audit finds wrong with pages.
    fn faults(&self, pages: &Pages) -> Vec<String> {
        let customers = Customers { rows: vec![json!(["7", "New", 1.5])], everyone: 1 };
        match audit(pages, &self.shelf(), &customers) {
            Ok(()) => Vec::new(),
            Err(Error::Unsound { faults }) => faults,
            Err(other) => panic!("{other}"),
        }
    }
}

fn shop() -> Shop {
    Shop::new(&[["2011-01", "7", "1230", "1237"], ["2011-02", "4", "6", "10"]])
}

/// The number of the document's share.
fn share(pages: &mut Pages) -> &mut Number {
    match &mut pages.document.chapters[0].blocks[0] {
        Block::Text(pieces) => match &mut pieces[1] {
            Piece::Number(number) => number,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// The one fault of pages speaks of `of`.
fn caught(shop: &Shop, pages: &Pages, of: &str) {
    let faults = shop.faults(pages);
    assert!(faults.iter().any(|fault| fault.contains(of)), "{of}: {faults:?}");
}

#[test]
fn a_report_as_it_is_made_is_sound() {
    let shop = shop();
    let pages = shop.pages();
    assert_eq!(shop.faults(&pages), Vec::<String>::new());
    assert!(pages.html.contains(">1,237</data>") && pages.markdown.contains("1,237"));
}

#[test]
fn a_wrong_figure_is_found_wherever_it_stands() {
    let shop = shop();
    let mut pages = shop.pages();
    share(&mut pages).value = 0.26;
    caught(&shop, &pages, "0.26 is printed where manifest.json, /stages/report/share holds 0.25");

    let mut pages = shop.pages();
    share(&mut pages).text = "26 %".to_owned();
    caught(&shop, &pages, "\"26 %\" is printed for the 0.25");

    let mut pages = shop.pages();
    pages.html = pages.html.replace(">1,237</data>", ">1,238</data>");
    caught(&shop, &pages, "the page prints \"1,238\" for \"1,237\"");

    let mut pages = shop.pages();
    pages.markdown = pages.markdown.replace("1,237", "1,238");
    caught(&shop, &pages, "the text lacks \"1,237\"");

    let mut pages = shop.pages();
    pages.html = pages.html.replace("</main>", "<p>999 customers</p></main>");
    caught(&shop, &pages, "\"999 customers\", which comes from nowhere");

    let mut pages = shop.pages();
    pages.html = pages.html.replace("</main>", "<data value=\"9\">9</data></main>");
    caught(&shop, &pages, "figures and quotes");

    let mut pages = shop.pages();
    pages.document.as_of.text = "2011-03".to_owned();
    caught(&shop, &pages, "\"2011-03\" is not what stands at outputs/months.csv, row 1, month");
}

#[test]
fn files_that_are_other_than_the_report_says_are_found() {
    let shop = shop();
    let pages = shop.pages();
    shop.write(&[["2011-01", "7", "1230", "1237"], ["2011-02", "5", "6", "10"]]);
    caught(&shop, &pages, "4 is printed where outputs/months.csv, row 2, new holds 5");
}

#[test]
fn parts_that_do_not_make_the_whole_are_found() {
    let shop = Shop::new(&[["2011-01", "7", "3", "11"]]);
    assert_eq!(shop.faults(&shop.pages()), ["new and back make all: the parts are 10, the whole is 11"]);
    let shop = Shop::new(&[["2011-01", "7", "-3", "4"]]);
    assert_eq!(shop.faults(&shop.pages()), ["new are some of all: 7 is above 4"]);
    // A file may hold its parts rounded.
    let shop = Shop::new(&[["2011-01", "3.3", "6.3", "9.7"]]);
    assert_eq!(shop.faults(&shop.pages()), Vec::<String>::new());
}

#[test]
fn what_cannot_be_is_found() {
    let mut shop = shop();
    shop.facts["share"] = json!(1.25);
    assert_eq!(shop.faults(&shop.pages()), ["1.25 at manifest.json, /stages/report/share is no share"]);
    let shop = Shop::new(&[["2011-01", "-7", "17", "10"]]);
    assert!(shop.faults(&shop.pages())[0].contains("is no count"));
}

#[test]
fn customers_who_are_not_in_the_table_of_scores_are_found() {
    let shop = shop();
    let mut pages = shop.pages();
    pages.customers.rows.push(json!(["8", "New", 1.5]));
    caught(&shop, &pages, "the customers of the page");
    let mut pages = shop.pages();
    pages.html = pages.html.replace("[\"7\",\"New\",1.5]", "[\"7\",\"New\",2.5]");
    caught(&shop, &pages, "the customers of the page");
}

#[test]
fn nothing_in_the_data_becomes_markup() {
    let evil = "</script><script>alert(1)</script>";
    let mut shop = Shop::new(&[[evil, "7", "3", "10"]]);
    shop.facts["figures"] = json!([["months", evil]]);
    let mut pages = shop.pages();
    pages.customers.rows[0] = json!([evil, evil, 1.5]);
    pages.html = html::render(&pages.document, &shop.shelf(), &pages.customers).unwrap();
    // The page's own two scripts, of which the first is data.
    assert_eq!(pages.html.matches("<script").count(), 2);
    assert!(!pages.html.contains("alert(1)</script>"));
}
