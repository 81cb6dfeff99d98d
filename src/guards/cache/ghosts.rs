//! A memory of who was let go of: about the last so many prints, in buckets of sixteen.
//!
//! A bucket is a list, the youngest first, and one that is full forgets its oldest for the next one. A print that comes
//! back is forgotten. To keep the exactly last ones would take a list beside the buckets, and was measured to hit no more
//! often.

/// Prints that share a bucket: they fill a cache line.
const WAYS: usize = 16;

/// Nobody, in the place of a print.
const NOBODY: u32 = 0;

#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Bucket([u32; WAYS]);

/// The prints of the last so many that were let go of.
#[derive(Debug)]
pub(super) struct Ghosts {
    buckets: Vec<Bucket>,
}

impl Ghosts {
    /// Remembers about the last `kept`.
    pub(super) fn new(kept: usize) -> Self {
        Self {
            buckets: vec![Bucket([NOBODY; WAYS]); kept.div_ceil(WAYS)],
        }
    }

    /// Remembers a print as the youngest.
    pub(super) fn remember(&mut self, print: u32) {
        let print = named(print);
        if let Some(Bucket(prints)) = self.bucket(print) {
            let before = *prints;
            prints[1..].copy_from_slice(&before[..WAYS - 1]);
            prints[0] = print;
        }
    }

    /// Whether a print is remembered; from now on it is not.
    pub(super) fn forget(&mut self, print: u32) -> bool {
        let print = named(print);
        let Some(Bucket(prints)) = self.bucket(print) else {
            return false;
        };
        let found = prints.iter().position(|it| *it == print);
        if let Some(at) = found {
            prints.copy_within(at + 1.., at);
            prints[WAYS - 1] = NOBODY;
        }
        found.is_some()
    }

    fn bucket(&mut self, print: u32) -> Option<&mut Bucket> {
        // The high bits say where a print is at home in the table; these spread it anew.
        let spread = print.wrapping_mul(0x9E37_79B9);
        let at = (u64::from(spread) * self.buckets.len() as u64) >> 32;
        self.buckets.get_mut(at as usize)
    }
}

/// The print, but for the one that means nobody, which takes the name of another.
const fn named(print: u32) -> u32 {
    if print == NOBODY { 1 } else { print }
}

#[cfg(test)]
mod tests {
    use super::Ghosts;

    #[test]
    fn a_ghost_is_known_once_until_enough_others_have_come() {
        let mut ghosts = Ghosts::new(16);
        for print in 10..28 {
            ghosts.remember(print);
        }
        assert!(!ghosts.forget(10) && !ghosts.forget(11), "two too old");
        assert!(ghosts.forget(12) && ghosts.forget(27) && !ghosts.forget(27));
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
        assert!(known > 750, "{known} of 900");
        let older = old[..3_000].iter().filter(|it| ghosts.forget(**it)).count();
        assert!(older < 50, "{older} of the first 3000");
    }

    #[test]
    fn a_memory_without_room_knows_nobody() {
        let mut ghosts = Ghosts::new(0);
        ghosts.remember(1);
        assert!(!ghosts.forget(1));
    }

    #[test]
    fn a_print_that_looks_like_nobody_is_remembered_and_nobody_is_not() {
        let mut ghosts = Ghosts::new(16);
        assert!(!ghosts.forget(0));
        ghosts.remember(0);
        assert!(ghosts.forget(0) && !ghosts.forget(0));
    }
}
