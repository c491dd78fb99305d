//! The ledger: every long-lived buffer of a model, told by the code that owns it.
//!
//! A buffer and its receipt travel together in [`Paid`]; dropping it refunds. The ledger knows nothing of plans and cannot be set.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Part, Parts};
use crate::units::Bytes;

/// What is charged now, by part; clones share the same books.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    books: Arc<[AtomicU64; Part::ALL.len()]>,
    /// The ledger of which this is a page.
    whole: Option<Arc<Self>>,
}

impl Ledger {
    /// A page of its own for one of several models: what is charged there is charged here too.
    #[must_use]
    pub fn page(&self) -> Self {
        Self { books: Arc::default(), whole: Some(Arc::new(self.clone())) }
    }

    /// Charges `bytes` to `part` until the receipt is dropped.
    #[must_use]
    pub fn charge(&self, part: Part, bytes: Bytes) -> Charge {
        for ledger in self.with_whole() {
            ledger.books[part as usize].fetch_add(bytes.0, Ordering::Relaxed);
        }
        Charge { ledger: self.clone(), part, bytes }
    }

    /// This ledger, that of which it is a page, and so on.
    fn with_whole(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |ledger| ledger.whole.as_deref())
    }

    /// Charges a vector's whole allocation (its capacity, not its length).
    #[must_use]
    pub fn pay<T>(&self, part: Part, buffer: Vec<T>) -> Paid<Vec<T>> {
        let charge = self.charge(part, Bytes::of::<T>(buffer.capacity()));
        Paid { value: buffer, charge }
    }

    /// Charges a value whose owner knows its size on the heap.
    #[must_use]
    pub fn pay_as<T>(&self, part: Part, bytes: Bytes, value: T) -> Paid<T> {
        Paid { value, charge: self.charge(part, bytes) }
    }

    /// What is charged now; `None` for parts that nobody charges: activations, staging and tokenizer are counted and not charged.
    #[must_use]
    pub fn parts(&self) -> Parts {
        let mut parts = Parts::default();
        for part in Part::ALL {
            let bytes = Bytes(self.books[part as usize].load(Ordering::Relaxed));
            if bytes.0 > 0 || matches!(part, Part::Weights | Part::KvCache) {
                parts.set(part, bytes);
            }
        }
        parts
    }
}

/// The receipt for one buffer; dropping it refunds.
#[derive(Debug)]
pub struct Charge {
    ledger: Ledger,
    part: Part,
    bytes: Bytes,
}

impl Charge {
    /// What was charged.
    #[must_use]
    pub const fn bytes(&self) -> Bytes {
        self.bytes
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        for ledger in self.ledger.with_whole() {
            ledger.books[self.part as usize].fetch_sub(self.bytes.0, Ordering::Relaxed);
        }
    }
}

/// A buffer with its receipt. Whoever grows it beyond its capacity would lie to the ledger, so only slices of it can be changed.
#[derive(Debug)]
pub struct Paid<T> {
    value: T,
    charge: Charge,
}

impl<T> Paid<T> {
    /// What was charged for it.
    #[must_use]
    pub const fn bytes(&self) -> Bytes {
        self.charge.bytes()
    }
}

impl<T: Deref> Deref for Paid<T> {
    type Target = T::Target;
    fn deref(&self) -> &Self::Target {
        &self.value
    }
}

impl<T: DerefMut> DerefMut for Paid<T> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.value
    }
}
