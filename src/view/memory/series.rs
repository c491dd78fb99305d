//! Samples as points: at most two for each pixel of width, the lowest and the highest, so that no peak is lost.

/// `points` (time ascending) inside `range`, at most two for each of `buckets`, with the first and the last point of all.
#[must_use]
pub fn decimated(points: &[[f64; 2]], range: (f64, f64), buckets: usize) -> Vec<[f64; 2]> {
    let inside = |point: &&[f64; 2]| (range.0..=range.1).contains(&point[0]);
    let count = points.iter().filter(inside).count();
    if count <= 2 * buckets.max(1) && count == points.len() {
        return points.to_vec();
    }
    let width = (range.1 - range.0) / to_f64(buckets.max(1));
    let mut out = Vec::with_capacity(2 * buckets + 2);
    out.extend(points.first().filter(|point| !inside(point)));
    let mut bucket: Option<Bucket> = None;
    for &point in points.iter().filter(inside) {
        let number = if width > 0.0 { ((point[0] - range.0) / width).floor() } else { 0.0 };
        match &mut bucket {
            Some(open) if open.number >= number => open.add(point),
            _ => {
                if let Some(full) = bucket.replace(Bucket { number, low: point, high: point }) {
                    full.pour(&mut out);
                }
            }
        }
    }
    if let Some(full) = bucket {
        full.pour(&mut out);
    }
    out.extend(points.last().filter(|point| !inside(point)));
    out
}

struct Bucket {
    number: f64,
    low: [f64; 2],
    high: [f64; 2],
}

impl Bucket {
    fn add(&mut self, point: [f64; 2]) {
        if point[1] < self.low[1] {
            self.low = point;
        }
        if point[1] > self.high[1] {
            self.high = point;
        }
    }

    fn pour(self, out: &mut Vec<[f64; 2]>) {
        let (first, second) = if self.low[0] <= self.high[0] { (self.low, self.high) } else { (self.high, self.low) };
        out.push(first);
        if second[0] > first[0] {
            out.push(second);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of pixels")]
const fn to_f64(n: usize) -> f64 {
    n as f64
}
