//! Colours that stand for an amount.

/// From little to much in one hue, ever darker, so that it reads in grey as well.
pub(super) const AMOUNT: [[u8; 3]; 5] = [[228, 237, 246], [172, 207, 231], [86, 157, 205], [12, 98, 160], [6, 38, 74]];
/// From low to high over a pale middle; blue and vermilion are told apart with any common colour blindness.
pub(super) const LOW_TO_HIGH: [[u8; 3]; 3] = [[0, 114, 178], [200, 184, 150], [213, 94, 0]];

/// The colour at `share` of the way through `stops`, in hexadecimal.
pub(super) fn color(stops: &[[u8; 3]], share: f64) -> String {
    let place = share.clamp(0.0, 1.0) * (stops.len() - 1) as f64;
    let before = (place.floor() as usize).min(stops.len().saturating_sub(2));
    let (low, high, part) = (stops[before], stops[(before + 1).min(stops.len() - 1)], place - before as f64);
    let mix = |i: usize| (f64::from(low[i]) + (f64::from(high[i]) - f64::from(low[i])) * part).round() as u8;
    format!("#{:02x}{:02x}{:02x}", mix(0), mix(1), mix(2))
}

#[cfg(test)]
mod tests {
    use super::{AMOUNT, LOW_TO_HIGH, color};

    #[test]
    fn stops_are_met_and_what_lies_beyond_is_the_end() {
        assert_eq!(color(&LOW_TO_HIGH, 0.0), "#0072b2");
        assert_eq!(color(&LOW_TO_HIGH, 0.5), "#c8b896");
        assert_eq!([color(&LOW_TO_HIGH, 1.0), color(&LOW_TO_HIGH, 7.0)], ["#d55e00", "#d55e00"]);
    }

    #[test]
    fn more_is_darker() {
        let light = |share: f64| {
            let hex = color(&AMOUNT, share);
            (1..7).step_by(2).map(|i| u32::from_str_radix(&hex[i..i + 2], 16).unwrap()).sum::<u32>()
        };
        assert!((1..=20).all(|i| light(f64::from(i) / 20.0) < light(f64::from(i - 1) / 20.0)));
    }
}
