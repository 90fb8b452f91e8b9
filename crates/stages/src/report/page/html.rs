//! The report as one page that needs nothing beside itself: style, script, pictures and customers are in it.

use super::customers::Customers;
use super::document::{Block, Card, Chapter, Document, Number, Picture, Piece, Standing, Table};
use super::markup::Html;
use super::shelf::Shelf;
use crate::artifact;
use crate::error::Result;

/// Loads nothing from anywhere; what runs is what stands in the page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; \
                      base-uri 'none'; form-action 'none'";

/// Pictures in which a darker cell is more.
const SHADED: [&str; 3] = ["rfm_heatmap", "segment_migration", "cohort_retention"];

/// The page.
pub(super) fn render(document: &Document, shelf: &Shelf<'_>, customers: &Customers) -> Result<String> {
    let mut html = Html::default();
    html.trusted("<!DOCTYPE html>\n");
    let mut body = Html::default();
    body.words("a", &[("class", "skip"), ("href", "#summary")], "Skip to the summary");
    header(&mut body, document);
    body.element("nav", &[("aria-label", "Chapters")], |nav| {
        nav.element("ul", &[], |list| {
            for chapter in &document.chapters {
                let href = format!("#{}", chapter.id);
                list.element("li", &[], |item| item.words("a", &[("href", &href)], chapter.title));
            }
        });
    });
    let mut main = Html::default();
    for each in &document.chapters {
        chapter(&mut main, each, shelf)?;
    }
    body.element("main", &[], |html| html.trusted(&main.finish()));
    drill(&mut body);
    body.void("div", &[("id", "tip"), ("role", "presentation"), ("hidden", "")]);
    body.trusted("</div>");
    let data = [("id", "customers"), ("type", "application/json")];
    body.element("script", &data, |script| script.trusted(&customers.json()));
    body.element("script", &[], |script| script.trusted(include_str!("page.js")));
    html.element("html", &[("lang", "en")], |html| {
        html.element("head", &[], head);
        html.element("body", &[], |html| html.trusted(&body.finish()));
    });
    Ok(html.finish() + "\n")
}

fn head(head: &mut Html) {
    head.void("meta", &[("charset", "utf-8")]);
    head.void("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
    head.void("meta", &[("http-equiv", "Content-Security-Policy"), ("content", POLICY)]);
    head.void("meta", &[("name", "color-scheme"), ("content", "light dark")]);
    head.words("title", &[], "Retention report");
    head.element("style", &[], |style| style.trusted(include_str!("page.css")));
}

fn header(body: &mut Html, document: &Document) {
    body.element("header", &[], |header| {
        header.words("h1", &[], "Retention report");
        header.element("p", &[], |line| {
            line.text("As of ");
            piece(line, &Piece::Quote(document.as_of.clone()));
            line.text(".");
            line.text(document.money());
        });
        header.element("p", &[("class", "legend")], |legend| {
            legend.text("Figures are ");
            for standing in [Standing::Counted, Standing::Measured, Standing::Forecast, Standing::Assumed] {
                legend.words("span", &[("class", standing.word())], standing.word());
                legend.text(standing.meaning());
            }
            legend.text("Point at one, or tap it, to see where it comes from.");
        });
    });
}

/// Where the page's script shows the customers of a segment.
fn drill(body: &mut Html) {
    body.element("dialog", &[("id", "drill"), ("aria-labelledby", "drill-title")], |dialog| {
        dialog.element("form", &[("method", "dialog")], |form| form.words("button", &[], "Close"));
        dialog.words("h2", &[("id", "drill-title")], "Customers");
        dialog.element("p", &[], |line| {
            line.element("label", &[], |label| {
                label.text("Find ");
                label.void("input", &[("id", "drill-find"), ("type", "search")]);
            });
        });
        scroll(dialog, "Customers of the segment", |html| html.element("table", &[("id", "drill-table")], |_| {}));
        dialog.element("p", &[("id", "drill-note")], |_| {});
    });
}

/// A part that is moved sideways where the page is narrow, by keyboard too.
fn scroll(html: &mut Html, label: &str, inside: impl FnOnce(&mut Html)) {
    let attributes = [("class", "scroll"), ("tabindex", "0"), ("role", "region"), ("aria-label", label)];
    html.element("div", &attributes, inside);
}

fn chapter(html: &mut Html, chapter: &Chapter, shelf: &Shelf<'_>) -> Result<()> {
    let title = format!("{}-title", chapter.id);
    let mut blocks = Html::default();
    for each in &chapter.blocks {
        block(&mut blocks, each, shelf)?;
    }
    html.element("section", &[("id", chapter.id), ("aria-labelledby", &title)], |html| {
        html.words("h2", &[("id", &title)], chapter.title);
        html.trusted(&blocks.finish());
    });
    Ok(())
}

fn block(html: &mut Html, block: &Block, shelf: &Shelf<'_>) -> Result<()> {
    match block {
        Block::Heading(words) => html.words("h3", &[], words),
        Block::Text(words) => html.element("p", &[], |html| pieces(html, words)),
        Block::Items(items) => html.element("ul", &[], |html| {
            items.iter().for_each(|item| html.element("li", &[], |html| pieces(html, item)));
        }),
        Block::Cards(cards) => html.element("div", &[("class", "cards")], |html| {
            cards.iter().for_each(|each| card(html, each));
        }),
        Block::Table(each) => table(html, each),
        Block::Picture(each) => picture(html, each, &shelf.svg(&each.name)?),
    }
    Ok(())
}

fn card(html: &mut Html, card: &Card) {
    html.element("div", &[("class", "card")], |html| {
        html.words("p", &[("class", "label")], card.label);
        html.element("p", &[("class", "figure")], |html| number(html, &card.number));
        html.element("p", &[("class", "note")], |html| pieces(html, &card.note));
    });
}

fn table(html: &mut Html, table: &Table) {
    let leads = |cell: &Vec<Piece>| matches!(cell.first(), Some(Piece::Number(_)));
    let is_number = |at: usize| table.rows.iter().any(|row| row.get(at).is_some_and(leads));
    let class = |at: usize| if is_number(at) { "number" } else { "word" };
    let row = |html: &mut Html, row: &Vec<Vec<Piece>>| {
        for (at, cell) in row.iter().enumerate() {
            html.element("td", &[("class", class(at))], |html| match cell.is_empty() {
                true => html.words("span", &[("class", "unknown"), ("title", "not known")], "–"),
                false => pieces(html, cell),
            });
        }
        if let Some(first) = row.first().and_then(|cell| cell.first()).filter(|_| table.opens_segments) {
            html.element("td", &[], |html| {
                let attributes = [("class", "drill"), ("type", "button"), ("data-segment", first.text())];
                html.element("button", &attributes, |html| {
                    html.text("Customers");
                    html.element("span", &[("class", "unseen")], |html| {
                        html.text(" of ");
                        piece(html, first);
                    });
                });
            });
        }
    };
    scroll(html, table.caption, |html| {
        html.element("table", &[("class", "sortable")], |html| {
            html.words("caption", &[], table.caption);
            html.element("thead", &[], |html| {
                html.element("tr", &[], |html| {
                    for (at, name) in table.columns.iter().enumerate() {
                        html.words("th", &[("scope", "col"), ("class", class(at))], name);
                    }
                    if table.opens_segments {
                        html.element("td", &[], |_| {});
                    }
                });
            });
            html.element("tbody", &[], |html| {
                table.rows.iter().for_each(|each| html.element("tr", &[], |html| row(html, each)));
            });
        });
    });
}

fn picture(html: &mut Html, picture: &Picture, svg: &str) {
    let (id, label) = (format!("figure-{}", picture.name), format!("Data of {}", picture.name.replace('_', " ")));
    // Where darker means more, turning light and dark round would turn the meaning.
    let class = if SHADED.contains(&picture.name.as_str()) { "shaded" } else { "plain" };
    html.element("figure", &[("id", &id), ("class", class)], |html| {
        html.trusted(svg);
        html.element("figcaption", &[("class", "unseen")], |html| {
            piece(html, &Piece::Quote(picture.finding.clone()));
        });
        html.element("details", &[], |html| {
            html.words("summary", &[], "The figures of this picture");
            scroll(html, &label, |html| drawn(html, picture));
            html.element("p", &[], |html| {
                html.text(if picture.drawn.is_cut { "The first rows. All of it: " } else { "As a file: " });
                html.words("code", &[], &format!("{}/{}.csv", artifact::FIGURES, picture.name));
            });
        });
    });
}

/// The table behind a picture.
fn drawn(html: &mut Html, picture: &Picture) {
    html.element("table", &[("class", "sortable")], |html| {
        html.element("thead", &[], |html| {
            html.element("tr", &[], |html| {
                let names = picture.drawn.columns.iter();
                names.for_each(|name| html.words("th", &[("scope", "col")], &name.replace('_', " ")));
            });
        });
        html.element("tbody", &[], |html| {
            for row in &picture.drawn.rows {
                html.element("tr", &[], |html| {
                    for cell in row {
                        html.element("td", &[], |html| cell.iter().for_each(|cell| piece(html, cell)));
                    }
                });
            }
        });
    });
}

fn pieces(html: &mut Html, pieces: &[Piece]) {
    pieces.iter().for_each(|each| piece(html, each));
}

fn piece(html: &mut Html, piece: &Piece) {
    match piece {
        Piece::Words(words) => html.text(words),
        Piece::Number(each) => number(html, each),
        Piece::Quote(quote) => html.words("span", &[("class", "q")], &quote.text),
    }
}

fn number(html: &mut Html, number: &Number) {
    let value = number.value.to_string();
    let title = format!("{}: {value} in {}", number.standing.word(), number.source.place());
    html.words("data", &[("class", number.standing.word()), ("value", &value), ("title", &title)], &number.text);
}
