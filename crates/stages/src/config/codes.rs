//! Codes that are no product, as one pattern.

/// A regular expression for all codes and prefixes that are no products, over codes in upper case; without any, one that
/// nothing matches.
#[must_use]
pub fn non_product_pattern(codes: &[String], prefixes: &[String]) -> String {
    let codes = codes.iter().map(|code| format!("{}$", escaped(code)));
    let all: Vec<String> = codes.chain(prefixes.iter().map(|prefix| escaped(prefix))).collect();
    if all.is_empty() { "[^\\s\\S]".to_owned() } else { format!("^(?:{})", all.join("|")) }
}

fn escaped(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.to_uppercase().chars() {
        if !c.is_alphanumeric() && c != '_' {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_taken_literally() {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let pattern = non_product_pattern(&texts(&["Post", "Bank charges", "c.2"]), &texts(&["gift_"]));
        assert_eq!(pattern, "^(?:POST$|BANK\\ CHARGES$|C\\.2$|GIFT_)");
        assert_eq!(non_product_pattern(&[], &[]), "[^\\s\\S]");
    }
}
