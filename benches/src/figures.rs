//! Medians, and numbers as text.

use std::time::{Duration, Instant};

use steadfast::Clock;

use crate::process::cpu_time;

/// The middle of the figures, or the mean of the two in the middle; zero for none.
#[must_use]
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => sorted[upper],
        _ => f64::midpoint(sorted[upper - 1], sorted[upper]),
    }
}

/// A duration in nanoseconds.
#[must_use]
pub fn nanoseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

/// Runs the operation that many times, and says how many nanoseconds one took.
pub fn per_operation(times: u32, mut operation: impl FnMut()) -> f64 {
    let begin = now();
    for _ in 0..times {
        operation();
    }
    nanoseconds(now() - begin) / f64::from(times)
}

fn now() -> Instant {
    Clock::system().now()
}

/// Runs the operation once, and says how many nanoseconds of processor time all threads of this process
/// spent on it: for work that never waits, where other programs on the machine would only disturb.
/// Falls back on the clock where the operating system does not tell.
pub fn processor_time(operation: impl FnOnce()) -> f64 {
    let (begin, spent) = (now(), cpu_time());
    operation();
    let spent = cpu_time()
        .zip(spent)
        .map(|(after, before)| after.saturating_sub(before));
    nanoseconds(spent.unwrap_or_else(|| now() - begin))
}

/// Nanoseconds as a reader likes them.
pub(crate) fn time_text(ns: f64) -> String {
    match ns {
        _ if ns < 1e3 => format!("{ns:.2} ns"),
        _ if ns < 1e6 => format!("{:.2} us", ns / 1e3),
        _ if ns < 1e9 => format!("{:.2} ms", ns / 1e6),
        _ => format!("{:.2} s", ns / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::{median, time_text};

    #[test]
    fn the_median_is_the_middle_of_the_sorted_figures() {
        assert_eq!(median(&[9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), 3.0);
        assert_eq!(median(&[]), 0.0);
    }

    #[test]
    fn a_time_is_shown_in_the_unit_that_fits() {
        let shown = [0.5, 1_500.0, 2e6, 3e9].map(time_text);
        assert_eq!(shown, ["0.50 ns", "1.50 us", "2.00 ms", "3.00 s"]);
    }
}
