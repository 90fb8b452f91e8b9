//! Writing HTML: elements that close, text that cannot become markup.

use std::fmt::Write as _;

/// A piece of a page.
#[derive(Debug, Default)]
pub(super) struct Html(String);

/// Attributes with their values; one without a value is there by its name alone.
type Attributes<'a> = &'a [(&'a str, &'a str)];

impl Html {
    /// An element with what `inside` writes.
    pub(super) fn element(&mut self, tag: &str, attributes: Attributes<'_>, inside: impl FnOnce(&mut Self)) {
        self.void(tag, attributes);
        inside(self);
        // Writing to a String cannot fail.
        let _ = write!(self.0, "</{tag}>");
    }

    /// An element with text.
    pub(super) fn words(&mut self, tag: &str, attributes: Attributes<'_>, text: &str) {
        self.element(tag, attributes, |html| html.text(text));
    }

    /// An element that holds nothing.
    pub(super) fn void(&mut self, tag: &str, attributes: Attributes<'_>) {
        let _ = write!(self.0, "<{tag}");
        for (name, value) in attributes {
            let _ = match value.is_empty() {
                true => write!(self.0, " {name}"),
                false => write!(self.0, " {name}=\"{}\"", escaped(value)),
            };
        }
        self.0.push('>');
    }

    /// Text.
    pub(super) fn text(&mut self, text: &str) {
        self.0.push_str(&escaped(text));
    }

    /// Markup of tenure's own.
    pub(super) fn trusted(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// Text as it stands in a page, between elements or in quoted attributes.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::Html;

    #[test]
    fn text_cannot_become_markup() {
        let mut html = Html::default();
        html.words("td", &[("title", "\"><script>"), ("hidden", "")], "<b>&</b>");
        assert_eq!(html.finish(), r#"<td title="&quot;&gt;&lt;script&gt;" hidden>&lt;b&gt;&amp;&lt;/b&gt;</td>"#);
    }
}
