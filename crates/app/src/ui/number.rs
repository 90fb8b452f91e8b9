//! Numbers as people read them.

/// What stands where there is no number.
const NOTHING: &str = "–";

/// A count with separators: 1,067,371.
pub(super) fn count(n: u64) -> String {
    grouped(&n.to_string())
}

/// A number of customers with its noun: 1 customer, 5,878 customers.
pub(super) fn customers(n: u64) -> String {
    format!("{} {}", count(n), if n == 1 { "customer" } else { "customers" })
}

/// Money: whole from a thousand on, else with two decimals.
pub(super) fn money(amount: f64) -> String {
    let decimals = if amount.abs() >= 999.995 { 0 } else { 2 };
    fixed(amount, decimals)
}

/// How to write the amounts of one column: with the decimals that the largest of them needs.
pub(super) fn money_like(amounts: impl Iterator<Item = f64>) -> impl Fn(f64) -> String {
    let decimals = if amounts.fold(0.0, |most: f64, amount| most.max(amount.abs())) >= 999.995 { 0 } else { 2 };
    move |amount| fixed(amount, decimals)
}

/// A number with so many decimals and separators.
pub(super) fn fixed(number: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", number.abs());
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let is_zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    let sign = if number < 0.0 && !is_zero { "-" } else { "" };
    format!("{sign}{}{rest}", grouped(whole))
}

/// A share of 1 as a percentage with one decimal.
pub(super) fn percent(share: f64) -> String {
    format!("{} %", fixed(share * 100.0, 1))
}

/// A signed share of 1 as a percentage with one decimal.
pub(super) fn signed_percent(share: f64) -> String {
    let text = percent(share);
    if share > 0.0 && text != "0.0 %" { format!("+{text}") } else { text }
}

/// A signed difference of two shares in percentage points with one decimal.
pub(super) fn signed_points(difference: f64) -> String {
    let text = fixed(difference * 100.0, 1);
    let sign = if difference > 0.0 && text != "0.0" { "+" } else { "" };
    format!("{sign}{text} points")
}

/// What `form` makes of a number that may be missing.
pub(super) fn or_nothing(number: Option<f64>, form: impl Fn(f64) -> String) -> String {
    number.map_or_else(|| NOTHING.to_owned(), form)
}

fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_rounded() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_067_371), "1,067,371");
        assert_eq!(money(999.99), "999.99");
        assert_eq!(money(999.999), "1,000");
        assert_eq!(money(-1_234_567.8), "-1,234,568");
        assert_eq!(money(-0.001), "0.00");
        assert_eq!(money_like([3.0, -2000.0].into_iter())(3.5), "4");
        assert_eq!(money_like([3.0].into_iter())(3.5), "3.50");
        assert_eq!(fixed(0.7345, 3), "0.735");
        assert_eq!(percent(0.0766), "7.7 %");
        assert_eq!(signed_percent(0.031), "+3.1 %");
        assert_eq!(signed_percent(-0.031), "-3.1 %");
        assert_eq!(signed_percent(0.0), "0.0 %");
        assert_eq!(
            [0.031, -0.031, 0.0, -0.0004].map(signed_points),
            ["+3.1 points", "-3.1 points", "0.0 points", "0.0 points"]
        );
        assert_eq!(or_nothing(None, money), "–");
        assert_eq!(fixed(f64::INFINITY, 1), "inf");
    }
}
