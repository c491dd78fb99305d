//! Sums and differences worked out as at school: column by column from the right, what is carried in the next.
//!
//! A small head that has to say `85` at once for `47 + 38` guesses; one that says `7 + 8 = 15, 4 + 3 + 1 = 8` first knows.

use std::fmt::Write as _;

/// The columns of `a + b`: `7 + 8 = 15, 4 + 3 + 1 = 8` for 47 and 38.
#[must_use]
pub fn sum(a: u32, b: u32) -> String {
    let mut carry = 0;
    columns(a, b, |out, x, y| {
        let sum = x + y + carry;
        let _ = if carry == 0 { write!(out, "{x} + {y} = {sum}") } else { write!(out, "{x} + {y} + {carry} = {sum}") };
        carry = sum / 10;
    })
}

/// The columns of `a - b`, for `a` at least `b`: `15 - 8 = 7, 8 - 3 - 1 = 4` for 85 and 38.
#[must_use]
pub fn difference(a: u32, b: u32) -> String {
    let mut borrowed = 0;
    columns(a, b, |out, x, y| {
        let lent = if x < y + borrowed { 10 } else { 0 };
        let rest = x + lent - y - borrowed;
        let _ = if borrowed == 0 {
            write!(out, "{} - {y} = {rest}", x + lent)
        } else {
            write!(out, "{} - {y} - {borrowed} = {rest}", x + lent)
        };
        borrowed = lent / 10;
    })
}

/// Calls with the digits of each column, the last first, as many as the longer number has.
fn columns(mut a: u32, mut b: u32, mut column: impl FnMut(&mut String, u32, u32)) -> String {
    let mut out = String::new();
    loop {
        column(&mut out, a % 10, b % 10);
        (a, b) = (a / 10, b / 10);
        if a == 0 && b == 0 {
            return out;
        }
        out.push_str(", ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_carried_stands_in_the_next_column() {
        assert_eq!(sum(47, 38), "7 + 8 = 15, 4 + 3 + 1 = 8");
        assert_eq!(sum(62, 7), "2 + 7 = 9, 6 + 0 = 6");
        assert_eq!(sum(470, 80), "0 + 0 = 0, 7 + 8 = 15, 4 + 0 + 1 = 5");
        assert_eq!(difference(85, 38), "15 - 8 = 7, 8 - 3 - 1 = 4");
        assert_eq!(difference(103, 9), "13 - 9 = 4, 10 - 0 - 1 = 9, 1 - 0 - 1 = 0");
        assert_eq!(difference(9, 4), "9 - 4 = 5");
    }
}
