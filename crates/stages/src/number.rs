//! Numbers as a reader sees them: money with its currency, shares, counts, and round axis ticks.

/// A count with thousands separators: 4338 → `4,338`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A number of customers with its noun: `1 customer`, `5,878 customers`.
pub(crate) fn customers(n: u64) -> String {
    format!("{} {}", count(n), if n == 1 { "customer" } else { "customers" })
}

/// A share in 0..1 as a percentage: one decimal below 10 %, whole numbers above: `4.0 %`, `62 %`; 100 % only where it is
/// all.
pub(crate) fn percent(share: f64) -> String {
    let value = share * 100.0;
    let tenths = (value * 10.0).round() / 10.0;
    if value != 0.0 && tenths.abs() < 0.1 {
        let sign = if value < 0.0 { "−" } else { "" };
        return format!("{sign}<0.1 %");
    }
    // Nearly all is not all.
    if (99.5..100.0).contains(&value) {
        return if tenths < 100.0 { format!("{tenths:.1} %") } else { ">99.9 %".to_owned() };
    }
    if value != 0.0 && tenths.abs() < 10.0 { signed(format!("{tenths:.1} %")) } else { signed(format!("{value:.0} %")) }
}

/// A relative change with its sign: `+1.8 %`, `−18.0 %`.
pub(crate) fn change(ratio: f64) -> String {
    let text = signed(format!("{:.1} %", ratio * 100.0));
    if text.starts_with('−') || text == "0.0 %" { text } else { format!("+{text}") }
}

/// An amount of money: exact to the unit below ten million, then three figures with M or bn.
pub(crate) fn money(value: f64, currency: &str) -> String {
    let size = value.abs();
    let body = if size == 0.0 {
        "0".to_owned()
    } else if size < 99.995 {
        format!("{size:.2}")
    } else if size < 9_999_999.5 {
        count(size.round() as u64)
    } else {
        let (unit, suffix) = if size < 999_500_000.0 { (1e6, "M") } else { (1e9, "bn") };
        let scaled = size / unit;
        let decimals = if scaled < 9.995 { 2 } else { usize::from(scaled < 99.95) };
        format!("{scaled:.decimals$}{suffix}")
    };
    with_currency(value < 0.0 && body.bytes().any(|b| (b'1'..=b'9').contains(&b)), &body, currency)
}

/// The labels of money ticks: one unit for the whole axis, as many decimals as its step needs.
pub(crate) fn money_ticks(ticks: &[f64], currency: &str) -> Vec<String> {
    let largest = ticks.iter().fold(0.0_f64, |m, t| m.max(t.abs()));
    let step = if ticks.len() > 1 { (ticks[1] - ticks[0]).abs() } else { largest };
    let (unit, suffix) = match largest {
        m if m >= 1e9 => (1e9, "bn"),
        m if m >= 1e6 => (1e6, "M"),
        m if m >= 1e4 => (1e3, "k"),
        _ => (1.0, ""),
    };
    let decimals = decimals_for(step / unit);
    ticks
        .iter()
        .map(|tick| {
            let size = tick.abs() / unit;
            let body = if suffix.is_empty() && decimals == 0 {
                count(size.round() as u64)
            } else {
                format!("{size:.decimals$}")
            };
            if *tick == 0.0 {
                with_currency(false, "0", currency)
            } else {
                with_currency(*tick < 0.0, &format!("{body}{suffix}"), currency)
            }
        })
        .collect()
}

/// The labels of plain ticks, with as many decimals as their step needs.
pub(crate) fn plain_ticks(ticks: &[f64]) -> Vec<String> {
    let step = if ticks.len() > 1 { (ticks[1] - ticks[0]).abs() } else { 1.0 };
    let decimals = decimals_for(step);
    ticks.iter().map(|tick| signed(format!("{tick:.decimals$}"))).collect()
}

/// The labels of ticks that are shares in 0..1.
pub(crate) fn percent_ticks(ticks: &[f64]) -> Vec<String> {
    let hundredfold: Vec<f64> = ticks.iter().map(|tick| tick * 100.0).collect();
    plain_ticks(&hundredfold).into_iter().map(|label| format!("{label} %")).collect()
}

/// Round ticks inside `low..=high`, about `target` of them, with steps of 1, 2 or 5 times a power of ten. `low <
/// high`.
pub(crate) fn ticks(low: f64, high: f64, target: usize) -> Vec<f64> {
    let raw = (high - low) / target.max(1) as f64;
    if !(raw > 0.0 && raw.is_finite()) {
        return vec![low];
    }
    let power = 10_f64.powi(raw.log10().floor() as i32);
    let step = match raw / power {
        m if m < 1.5 => power,
        m if m < 3.2 => 2.0 * power,
        m if m < 7.5 => 5.0 * power,
        _ => 10.0 * power,
    };
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    // Multiplying beats adding: 3 × 0.1 is printed, not 0.1 + 0.1 + 0.1.
    (first..=last).map(|i| i as f64 * step).collect()
}

fn decimals_for(step: f64) -> usize {
    if step <= 0.0 {
        return 0;
    }
    (0..6).find(|d| ((step * 10_f64.powi(*d as i32)).round() - step * 10_f64.powi(*d as i32)).abs() < 1e-6).unwrap_or(6)
}

fn with_currency(negative: bool, body: &str, currency: &str) -> String {
    let sign = if negative { "−" } else { "" };
    match currency {
        "GBP" => format!("{sign}£{body}"),
        "EUR" => format!("{sign}€{body}"),
        "USD" => format!("{sign}${body}"),
        "JPY" => format!("{sign}¥{body}"),
        "" => format!("{sign}{body}"),
        code if code.chars().all(char::is_alphabetic) => format!("{sign}{code} {body}"),
        symbol => format!("{sign}{symbol}{body}"),
    }
}

/// A true minus sign, and none before a zero.
pub(crate) fn signed(text: String) -> String {
    match text.strip_prefix('-') {
        Some(rest) if rest.bytes().any(|b| (b'1'..=b'9').contains(&b)) => format!("−{rest}"),
        Some(rest) => rest.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{change, count, money, money_ticks, percent, percent_ticks, plain_ticks, ticks};

    #[test]
    fn counts_are_grouped() {
        assert_eq!([count(0), count(999), count(1_000), count(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn shares_keep_a_decimal_only_where_it_tells() {
        let shown = [0.0, 0.0004, 0.042, 0.05, 0.0996, 0.1, 0.624, 0.995, 0.9999, 1.0, -0.031].map(percent);
        let meant = ["0 %", "<0.1 %", "4.2 %", "5.0 %", "10 %", "10 %", "62 %", "99.5 %", ">99.9 %", "100 %", "−3.1 %"];
        assert_eq!(shown, meant);
        assert_eq!([change(0.018), change(-0.18), change(0.0)], ["+1.8 %", "−18.0 %", "0.0 %"]);
    }

    #[test]
    fn money_is_exact_below_ten_million_and_has_its_currency() {
        let shown = [0.0, 0.84, 12.4, 1_234.4, 9_999.6, 12_345.0, 9_999_600.0, 12_345_678.0, -4_200.0, -0.001]
            .map(|v| money(v, "GBP"));
        assert_eq!(
            shown,
            ["£0", "£0.84", "£12.40", "£1,234", "£10,000", "£12,345", "£9,999,600", "£12.3M", "−£4,200", "£0.00"]
        );
        assert_eq!(money(5_000.0, "CHF"), "CHF 5,000");
    }

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks(0.0, 1.0, 5), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(ticks(0.0, 23_000.0, 5), [0.0, 5_000.0, 10_000.0, 15_000.0, 20_000.0]);
        assert_eq!(money_ticks(&ticks(0.0, 23_000.0, 5), "GBP"), ["£0", "£5k", "£10k", "£15k", "£20k"]);
        assert_eq!(percent_ticks(&ticks(0.0, 0.1, 2)), ["0 %", "5 %", "10 %"]);
        assert_eq!(plain_ticks(&ticks(-1.0, 1.0, 4)), ["−1.0", "−0.5", "0.0", "0.5", "1.0"]);
    }
}
