//! The loss curve as a picture: loss against tokens read, both on a logarithmic scale.

use std::fmt::Write as _;

/// Width and height of the picture, and the margin that its labels need.
const SIZE: (f64, f64) = (640.0, 300.0);
const MARGIN: f64 = 44.0;

/// An SVG of the rows of `loss.csv`; `None` for fewer than two rows.
pub fn svg(csv: &str) -> Option<String> {
    let rows: Vec<(f64, f64)> = csv.lines().skip(1).filter_map(row).collect();
    let (first, last) = (rows.first()?, rows.last()?);
    if rows.len() < 2 {
        return None;
    }
    let highest = rows.iter().map(|(_, loss)| *loss).fold(f64::MIN, f64::max);
    let lowest = rows.iter().map(|(_, loss)| *loss).fold(f64::MAX, f64::min);
    let x = |tokens: f64| MARGIN + (SIZE.0 - 1.5 * MARGIN) * ((tokens / first.0).ln() / (last.0 / first.0).ln());
    let y = |loss: f64| MARGIN / 2.0 + (SIZE.1 - 1.5 * MARGIN) * ((highest / loss).ln() / (highest / lowest).ln());
    let points: String = rows.iter().fold(String::new(), |mut points, &(tokens, loss)| {
        let _ = write!(points, "{:.1},{:.1} ", x(tokens), y(loss));
        points
    });
    let mut labels = String::new();
    let mut label = |x: f64, y: f64, anchor: &str, text: String| {
        let _ = writeln!(
            labels,
            r##"<text x="{x:.0}" y="{y:.0}" text-anchor="{anchor}" font-family="sans-serif" font-size="12" fill="#888">{text}</text>"##
        );
    };
    for loss in [highest, (highest * lowest).sqrt(), lowest] {
        label(MARGIN - 6.0, y(loss) + 4.0, "end", format!("{loss:.2}"));
    }
    for (tokens, anchor) in [(first.0, "start"), ((first.0 * last.0).sqrt(), "middle"), (last.0, "end")] {
        label(x(tokens), SIZE.1 - MARGIN / 2.0, anchor, format!("{:.1} M tokens", tokens / 1e6));
    }
    let (width, height) = SIZE;
    Some(format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">
<title>Loss of the training run: nats per token of an answer or a story</title>
<polyline points="{}" fill="none" stroke="#3b82c4" stroke-width="1.5"/>
{labels}</svg>
"##,
        points.trim_end()
    ))
}

/// Tokens and loss of a row.
fn row(line: &str) -> Option<(f64, f64)> {
    let mut cells = line.split(',');
    let loss = cells.nth(1)?.parse().ok()?;
    Some((cells.next()?.parse().ok()?, loss))
}
