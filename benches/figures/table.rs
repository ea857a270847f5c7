//! Markdown tables, and the medians that stand in them.

/// The head of a part: what it is, how to repeat it, and what a reader must know to judge it.
pub fn heading(title: &str, part: &str, note: &str) {
    println!("\n### {title}: `scripts/bench {part}`\n\n{note}\n");
}

/// The first two lines of a table.
pub fn head(columns: &[&str]) {
    println!("| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len()));
}

/// A line of a table.
pub fn row(cells: &[String]) {
    println!("| {} |", cells.join(" | "));
}

/// The median; of an even number of values the mean of the two in the middle. Not a number when there is none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}

/// The median with the smallest and the largest value: `6.4 (6.2 to 7.0)`.
pub fn spread(values: &[f64], digits: usize) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{:.digits$} ({least:.digits$} to {most:.digits$})", median(values.iter().copied()))
}

/// A time in microseconds for people.
pub fn time(us: f64) -> String {
    match us {
        us if us >= 1e6 => format!("{:.3} s", us / 1e6),
        us if us >= 1e3 => format!("{:.2} ms", us / 1e3),
        us => format!("{us:.0} µs"),
    }
}

/// How far `measured` is from `truth`, with its sign, in percent.
pub fn error(measured: f64, truth: f64) -> f64 {
    (measured - truth) / truth * 100.0
}

/// A straight line through points by least squares: its slope, and the standard error of the slope.
pub fn slope(points: &[(f64, f64)]) -> (f64, f64) {
    let n = points.len() as f64;
    let (mean_x, mean_y) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let spread_x: f64 = points.iter().map(|p| (p.0 - mean_x).powi(2)).sum();
    let slope = points.iter().map(|p| (p.0 - mean_x) * (p.1 - mean_y)).sum::<f64>() / spread_x;
    let residual = |p: &(f64, f64)| (p.1 - mean_y - slope * (p.0 - mean_x)).powi(2);
    (slope, (points.iter().map(residual).sum::<f64>() / (n - 2.0) / spread_x).sqrt())
}
