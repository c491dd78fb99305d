//! Two answers beside each other: what both say in the same order, and where the second begins to say something else.
//!
//! Both grow while they are aligned; a new token costs one pass over the other answer, and nothing is computed again.

/// Tokens that are aligned at most; the table has the square of it. What comes after counts as different.
const MOST: usize = 2_048;

/// The longest common subsequence of two growing sequences.
#[derive(Debug, Clone, Default)]
pub struct Alignment<T> {
    a: Vec<T>,
    b: Vec<T>,
    /// Equal tokens at the beginning of both.
    common: usize,
    /// `table[i][j]`: how many tokens the first `i` of `a` and the first `j` of `b` have in common, in order.
    table: Vec<Vec<u16>>,
}

impl<T: PartialEq> Alignment<T> {
    /// One more token of the first sequence.
    pub fn push_first(&mut self, token: T) {
        self.a.push(token);
        if self.a.len() <= MOST {
            self.table_of_nothing();
            let above = &self.table[self.a.len() - 1];
            let mut row = Vec::with_capacity(above.len());
            row.push(0);
            for j in 1..above.len() {
                let same = self.a[self.a.len() - 1] == self.b[j - 1];
                row.push(if same { above[j - 1] + 1 } else { above[j].max(row[j - 1]) });
            }
            self.table.push(row);
        }
        self.count_common();
    }

    /// One more token of the second.
    pub fn push_second(&mut self, token: T) {
        self.b.push(token);
        let j = self.b.len();
        if j <= MOST {
            self.table_of_nothing();
            let mut corner = 0;
            let mut above = 0;
            for i in 0..self.table.len() {
                let row = &mut self.table[i];
                let left = row[j - 1];
                let value = match i.checked_sub(1) {
                    None => 0,
                    Some(before) if self.a[before] == self.b[j - 1] => corner + 1,
                    Some(_) => left.max(above),
                };
                row.push(value);
                (corner, above) = (left, value);
            }
        }
        self.count_common();
    }

    /// The place of the first token in which they differ, once both have one there.
    #[must_use]
    pub fn first_difference(&self) -> Option<usize> {
        (self.common < self.a.len().min(self.b.len())).then_some(self.common)
    }

    /// How many tokens both have in common from the beginning on.
    #[must_use]
    pub const fn common(&self) -> usize {
        self.common
    }

    /// For each token of the second sequence, whether the first says it too, in the same order.
    #[must_use]
    pub fn shared(&self) -> Vec<bool> {
        let mut shared = vec![false; self.b.len()];
        shared[..self.common].fill(true);
        let (mut i, mut j) = (self.table.len().saturating_sub(1), self.b.len().min(MOST));
        while i > self.common && j > self.common {
            if self.a[i - 1] == self.b[j - 1] && self.table[i][j] == self.table[i - 1][j - 1] + 1 {
                shared[j - 1] = true;
                (i, j) = (i - 1, j - 1);
            } else if self.table[i][j] == self.table[i - 1][j] {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        shared
    }

    fn table_of_nothing(&mut self) {
        if self.table.is_empty() {
            self.table.push(vec![0]);
        }
    }

    fn count_common(&mut self) {
        while self.common < self.a.len().min(self.b.len()) && self.a[self.common] == self.b[self.common] {
            self.common += 1;
        }
    }
}
