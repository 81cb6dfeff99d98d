//! A memory of who was let go of: about the last so many prints, in buckets of eight.
//!
//! A print is forgotten when it comes back, or when it is the oldest of a full bucket and another one needs its place. To
//! keep the exactly last ones would take a list beside the buckets, and was measured to hit no more often.

/// Prints that share a bucket; with their numbers they fill a cache line.
const WAYS: usize = 8;

#[derive(Clone, Copy, Debug, Default)]
struct Ghost {
    print: u32,
    /// When it was remembered; zero: nobody.
    number: u32,
}

#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Bucket([Ghost; WAYS]);

/// The prints of the last so many that were let go of.
#[derive(Debug)]
pub(super) struct Ghosts {
    buckets: Vec<Bucket>,
    last: u32,
}

impl Ghosts {
    /// Remembers about the last `kept`.
    pub(super) fn new(kept: usize) -> Self {
        Self {
            buckets: vec![Bucket::default(); kept.div_ceil(WAYS)],
            last: 0,
        }
    }

    /// Remembers a print as the youngest.
    pub(super) fn remember(&mut self, print: u32) {
        if self.buckets.is_empty() {
            return;
        }
        if self.last == u32::MAX {
            self.start_over();
        }
        self.last += 1;
        let last = self.last;
        let bucket = self.bucket(print);
        // The place of the same print comes first, then that of the oldest. Numbers and places in one word: the least of
        // them is found without a branch, which would be guessed wrong every other time.
        let rank = |(at, ghost): (usize, &Ghost)| {
            let is_same = ghost.print == print && ghost.number > 0;
            let number = if is_same {
                0
            } else {
                u64::from(ghost.number) + 1
            };
            number << 3 | at as u64
        };
        let least = bucket.iter().enumerate().map(rank).fold(u64::MAX, u64::min);
        bucket[least as usize % WAYS] = Ghost {
            print,
            number: last,
        };
    }

    /// Whether a print is remembered; from now on it is not.
    pub(super) fn forget(&mut self, print: u32) -> bool {
        if self.buckets.is_empty() {
            return false;
        }
        let mut ghosts = self.bucket(print).iter_mut();
        let found = ghosts.find(|it| it.print == print && it.number > 0);
        found.map(|ghost| *ghost = Ghost::default()).is_some()
    }

    /// Numbers have run out, after four thousand million: everybody is forgotten.
    fn start_over(&mut self) {
        self.buckets.fill(Bucket::default());
        self.last = 0;
    }

    fn bucket(&mut self, print: u32) -> &mut [Ghost; WAYS] {
        // The high bits say where a print is at home in the table; these spread it anew.
        let spread = print.wrapping_mul(0x9E37_79B9);
        let at = (u64::from(spread) * self.buckets.len() as u64) >> 32;
        let at = usize::try_from(at).unwrap_or_default();
        &mut self.buckets[at].0
    }
}

#[cfg(test)]
mod tests {
    use super::Ghosts;

    #[test]
    fn a_ghost_is_known_once_until_enough_others_have_come() {
        let mut ghosts = Ghosts::new(8);
        for print in 0..10 {
            ghosts.remember(print);
        }
        assert!(!ghosts.forget(0) && !ghosts.forget(1), "two too old");
        assert!(ghosts.forget(9) && !ghosts.forget(9));
    }

    #[test]
    fn strangers_are_no_ghosts_and_most_of_the_last_ones_are() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut ghosts = Ghosts::new(900);
        let prints: Vec<u32> = (0..5_000).map(|_| random.u32(..)).collect();
        prints.iter().for_each(|print| ghosts.remember(*print));
        assert!((0..5_000).all(|_| !ghosts.forget(random.u32(..))));
        let (old, last) = prints.split_at(4_100);
        let known = last.iter().filter(|it| ghosts.forget(**it)).count();
        assert!(known > 700, "{known} of 900");
        let older = old[..3_000].iter().filter(|it| ghosts.forget(**it)).count();
        assert!(older < 150, "{older} of the first 3000");
    }

    #[test]
    fn a_memory_without_room_knows_nobody() {
        let mut ghosts = Ghosts::new(0);
        ghosts.remember(1);
        assert!(!ghosts.forget(1));
    }

    #[test]
    fn numbers_that_run_out_begin_again() {
        let mut ghosts = Ghosts::new(10);
        ghosts.remember(1);
        ghosts.last = u32::MAX;
        ghosts.remember(2);
        assert!(!ghosts.forget(1) && ghosts.forget(2));
    }
}
