//! Pictures of matrices: what a texel shows, how a picture sharpens, and tiles that are exact.
#![expect(clippy::float_cmp, reason = "values that are exact")]

use std::ops::Range;
use std::sync::Mutex;
use std::time::Duration;

use ponder::error::{Error, Result};
use ponder::inspect::pyramid::{Picture, Reduce, TILE, TileKey, tile};
use ponder::inspect::values::Values;
use ponder::kernels::courtesy::{Background, Courtesy};
use ponder::kernels::pool::Pool;

use crate::stats::{Memory, with_background};

/// A large matrix that is made when it is read, and knows what was.
struct Made {
    rows: usize,
    cols: usize,
    read: Mutex<Vec<usize>>,
}

impl Made {
    fn new(rows: usize, cols: usize) -> Self {
        Self { rows, cols, read: Mutex::default() }
    }
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn value(row: usize, col: usize) -> f32 {
    (row % 1000) as f32 - (col % 7) as f32
}

impl Values for Made {
    fn rows(&self) -> usize {
        self.rows
    }

    fn cols(&self) -> usize {
        self.cols
    }

    fn read(&self, rows: Range<usize>, cols: Range<usize>, out: &mut [f32]) -> Result<()> {
        self.read.lock().unwrap().extend(rows.clone());
        for (row, out) in rows.zip(out.chunks_exact_mut(cols.len().max(1))) {
            for (col, out) in cols.clone().zip(out) {
                *out = value(row, col);
            }
        }
        Ok(())
    }
}

fn finished(values: &dyn Values) -> Picture {
    let mut picture = Picture::new(values.rows(), values.cols());
    with_background(2, |background| while !picture.step(values, background, Duration::from_secs(1)).unwrap() {});
    picture
}

#[test]
fn a_texel_shows_what_it_says_of_its_cell() {
    // 2,048 columns: two to a texel.
    let mut values = vec![0.0; 2 * 2048];
    values[..4].copy_from_slice(&[1.0, -3.0, f32::NAN, 4.0]);
    values[2048..2052].copy_from_slice(&[f32::NAN, f32::NAN, f32::INFINITY, -2.0]);
    let picture = finished(&Memory { rows: 2, cols: 2048, values });
    assert_eq!((picture.size(), picture.shifts(), picture.share_read()), ([2, 1024], [0, 1], 1.0));
    let [extreme, absolute, mean] = Reduce::ALL.map(|reduce| picture.texels(reduce));
    assert_eq!((extreme[0], absolute[0], mean[0]), (-3.0, 3.0, -1.0));
    assert_eq!((extreme[1], mean[1]), (4.0, 4.0), "what is no number is left out");
    assert!(extreme[1024].is_nan() && mean[1024].is_nan(), "a cell without a finite value has none");
    assert_eq!((extreme[1025], absolute[1025]), (-2.0, 2.0));
}

#[test]
fn a_picture_is_the_same_however_it_was_read() {
    let values = Made::new(3000, 1700);
    let whole = finished(&values);
    assert_eq!((whole.size(), whole.shifts()), ([750, 850], [2, 1]));
    let read = values.read.lock().unwrap().clone();
    assert_eq!(read.len(), 3000, "every row once");
    let texels = whole.texels(Reduce::SignedExtreme);
    for (row, col) in [(0, 0), (1, 3), (749, 849), (400, 17)] {
        let cell = (0..4).flat_map(|i| (0..2).map(move |j| value(4 * row + i, 2 * col + j)));
        let expected = cell.reduce(|a, b| if b.abs() > a.abs() { b } else { a }).unwrap();
        assert_eq!(texels[row * 850 + col].abs(), expected.abs(), "{row} {col}");
    }
    let mut slowly = Picture::new(3000, 1700);
    let mut steps = 0;
    with_background(1, |background| {
        while !slowly.step(&values, background, Duration::ZERO).unwrap() {
            steps += 1;
        }
    });
    assert!(steps > 1);
    assert_eq!(slowly.texels(Reduce::AbsMax), whole.texels(Reduce::AbsMax));
}

#[test]
fn the_first_hundredth_is_spread_over_the_matrix_and_shown_as_partial() {
    let values = Made::new(32_768, 8192);
    let mut picture = Picture::new(32_768, 8192);
    assert!(picture.texels(Reduce::Mean).iter().all(|x| x.is_nan()));
    with_background(1, |background| {
        while picture.share_read() < 0.01 {
            assert!(!picture.step(&values, background, Duration::ZERO).unwrap());
        }
    });
    let share = picture.share_read();
    assert!((0.01..0.03).contains(&share), "{share}");
    assert!(picture.texels(Reduce::Mean).iter().all(|x| x.is_finite()), "every texel shows something");
    let mut read = values.read.lock().unwrap().clone();
    read.sort_unstable();
    let widest = read.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(read.len() < 1000 && widest <= 256, "{} rows, at most {widest} apart", read.len());
}

#[test]
fn a_picture_that_was_stopped_goes_on_where_it_was() {
    let values = Made::new(5000, 3000);
    let mut picture = Picture::new(5000, 3000);
    let pool = Pool::new(1).unwrap();
    let stop = Background { pool: &pool, courtesy: &Courtesy::default(), go_on: &|| false };
    assert_eq!(picture.step(&values, &stop, Duration::from_secs(1)).unwrap_err(), Error::Cancelled);
    let go = Background { go_on: &|| true, ..stop };
    picture.step(&values, &go, Duration::ZERO).unwrap();
    let before = picture.share_read();
    assert!(before > 0.0 && picture.step(&values, &stop, Duration::ZERO).is_err());
    while !picture.step(&values, &go, Duration::from_secs(1)).unwrap() {}
    assert_eq!(picture.texels(Reduce::Mean), finished(&values).texels(Reduce::Mean));
}

#[test]
fn a_picture_of_nothing_is_done() {
    for (rows, cols) in [(0, 5), (5, 0), (0, 0)] {
        let values = Memory { rows, cols, values: Vec::new() };
        assert!(finished(&values).texels(Reduce::Mean).is_empty());
    }
}

#[test]
fn tiles_are_exact_at_every_scale() {
    let values = Made::new(1000, 700);
    for (row_shift, col_shift) in [(0, 0), (1, 0), (2, 3), (5, 5)] {
        let key = TileKey { row_shift, col_shift, row: 0, col: 0 };
        let [tall, wide] = [1_usize << row_shift, 1 << col_shift];
        let found = tile(&values, key).unwrap();
        assert_eq!((found.rows, found.cols), (TILE.min(1000_usize.div_ceil(tall)), TILE.min(700_usize.div_ceil(wide))));
        let means = found.texels(Reduce::Mean);
        for (row, col) in [(0, 0), (found.rows - 1, found.cols - 1), (3, 5)] {
            let rows = row * tall..((row + 1) * tall).min(1000);
            let cols = col * wide..((col + 1) * wide).min(700);
            let cell: Vec<f32> = rows.flat_map(|row| cols.clone().map(move |col| value(row, col))).collect();
            let expected = cell.iter().sum::<f32>() / f32::from(u16::try_from(cell.len()).unwrap());
            assert!((means[row * found.cols + col] - expected).abs() < 1e-3, "{key:?} {row} {col}");
        }
    }
    let last = tile(&values, TileKey { row_shift: 0, col_shift: 0, row: 7, col: 5 }).unwrap();
    assert_eq!((last.key.origin(), last.rows, last.cols), ([896, 640], 104, 60));
    assert_eq!(last.texels(Reduce::Mean)[61], value(897, 641));
    for key in [(0, 0, 8, 0), (0, 0, 0, 6), (41, 0, 0, 0), (0, 0, u32::MAX, u32::MAX)] {
        let (row_shift, col_shift, row, col) = key;
        assert!(tile(&values, TileKey { row_shift, col_shift, row, col }).is_err());
    }
}
