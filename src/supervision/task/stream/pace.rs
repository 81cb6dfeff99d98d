//! How many items a lane takes at a time.

use std::time::Duration;

/// How many items a lane takes at a time: one, unless its items have proved to be small.
///
/// One by one, items begin in the order of the source and every lane has the same work. Only where taking an item
/// costs as much as the item itself is more than one taken, and never more than a fair share of what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    items: usize,
}

impl Pace {
    /// What a lane takes at most.
    pub(super) const MOST: usize = 32;
    /// How many items a lane may be ahead of the consumer, unless it takes more than one at a time.
    const FEW: usize = 4;
    /// How many items may be ahead at most, unless the program or the number of lanes says otherwise.
    const MANY: usize = 1024;
    /// An item that takes longer is taken alone.
    pub(super) const SMALL: Duration = Duration::from_micros(4);

    pub(super) const fn new() -> Self {
        Pace { items: 1 }
    }

    /// After `items` that have taken so long.
    pub(super) fn after(self, items: usize, took: Duration) -> Self {
        let small = Self::SMALL.saturating_mul(u32::try_from(items).unwrap_or(u32::MAX));
        if took > small {
            return Self::new();
        }
        if items < self.items {
            // There were no more: that says nothing of a longer row.
            return self;
        }
        Pace {
            items: (self.items * 2).min(Self::MOST),
        }
    }

    /// How many items so many lanes may have done ahead of the consumer: as many as keep them busy while it is woken.
    pub(super) fn buffer(self, lanes: usize) -> usize {
        let few = lanes.saturating_mul(Self::FEW);
        few.saturating_mul(self.items).min(Self::MANY).max(few)
    }

    /// How many to take while so many are pending, for so many lanes.
    pub(super) fn share(self, pending: usize, lanes: usize) -> usize {
        let fair = pending.div_ceil(lanes.max(1));
        self.items.min(fair)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_items_are_taken_in_growing_numbers_up_to_a_bound() {
        let mut pace = Pace::new();
        let mut taken = Vec::new();
        for _ in 0..7 {
            let items = pace.share(usize::MAX, 1);
            taken.push(items);
            pace = pace.after(items, Duration::ZERO);
        }
        assert_eq!(taken, [1, 2, 4, 8, 16, 32, Pace::MOST]);
    }

    #[test]
    fn an_item_that_takes_long_makes_the_next_one_be_taken_alone() {
        let pace = Pace { items: 8 };
        assert_eq!(pace.after(8, Pace::SMALL * 8), Pace { items: 16 });
        let long = Pace::SMALL * 8 + Duration::from_nanos(1);
        assert_eq!(pace.after(8, long), Pace::new());
        assert_eq!(pace.after(usize::MAX, Duration::MAX), Pace::new());
    }

    #[test]
    fn a_row_that_ended_early_proves_nothing() {
        let pace = Pace { items: 8 };
        assert_eq!(pace.after(7, Duration::ZERO), pace);
    }

    #[test]
    fn nobody_takes_more_than_a_fair_share() {
        let pace = Pace { items: 8 };
        let shares = [(0, 2), (1, 2), (3, 2), (9, 2), (100, 2), (5, 0)]
            .map(|(pending, lanes)| pace.share(pending, lanes));
        assert_eq!(shares, [0, 1, 2, 5, 8, 5]);
    }
}
