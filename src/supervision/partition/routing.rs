//! Which partition a key belongs to: a stable hash of the key, and jump consistent hashing of that.
//!
//! Jump consistent hashing (Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014)
//! spreads keys evenly, needs no table, and moves as few as possible when the number of partitions
//! changes: with one more, a key stays where it is or goes to the new one.

use std::hash::{Hash, Hasher};
use std::num::NonZero;

/// FNV-1a's start and factor, for 64 bits.
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// The factor of the linear congruential generator that the jumps are drawn from.
const JUMP_FACTOR: u64 = 2_862_933_555_777_941_757;

/// The place of a key among so many partitions.
pub(super) fn place_of<K: Hash + ?Sized>(key: &K, partitions: NonZero<usize>) -> usize {
    partition_of(hash_of(key), partitions)
}

/// FNV-1a over the bytes of the key, whose numbers are fed with their low byte first, then mixed: the
/// same on every machine and in every build.
fn hash_of<K: Hash + ?Sized>(key: &K) -> u64 {
    let mut hasher = Fnv(FNV_BASIS);
    key.hash(&mut hasher);
    hasher.finish()
}

/// Jump consistent hashing: of the partitions that were the last to be added as their number grew from one,
/// the last one that the key jumped to.
fn partition_of(hash: u64, partitions: NonZero<usize>) -> usize {
    let (mut draw, mut place, mut next) = (hash, 0, 0);
    while next < partitions.get() {
        place = next;
        draw = draw.wrapping_mul(JUMP_FACTOR).wrapping_add(1);
        next = jump(place, draw);
    }
    place
}

/// The number of partitions at which a key leaves `place`, by this draw. The algorithm is defined by this
/// arithmetic; a cast of a float saturates.
fn jump(place: usize, draw: u64) -> usize {
    let part = (1_u64 << 31) as f64 / ((draw >> 33) + 1) as f64;
    ((place + 1) as f64 * part) as usize
}

/// A hasher whose result depends on the key alone.
struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(FNV_PRIME);
        }
    }

    fn write_u16(&mut self, number: u16) {
        self.write(&number.to_le_bytes());
    }

    fn write_u32(&mut self, number: u32) {
        self.write(&number.to_le_bytes());
    }

    fn write_u64(&mut self, number: u64) {
        self.write(&number.to_le_bytes());
    }

    fn write_u128(&mut self, number: u128) {
        self.write(&number.to_le_bytes());
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    /// With the last mixing step of SplitMix64: FNV alone leaves the high bits of short keys alike.
    fn finish(&self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: u64 = 20_000;

    fn among(partitions: usize) -> NonZero<usize> {
        NonZero::new(partitions).unwrap()
    }

    #[test]
    fn the_jumps_are_those_of_the_published_algorithm() {
        let cases = [
            (1, 1, 0),
            (42, 57, 43),
            (0xDEAD_10CC, 1, 0),
            (0xDEAD_10CC, 666, 361),
            (256, 1024, 520),
        ];
        for (hash, partitions, place) in cases {
            assert_eq!(partition_of(hash, among(partitions)), place, "{hash:#x}");
        }
    }

    // Pt1
    #[test]
    fn a_key_has_the_same_place_on_every_machine_and_in_every_build() {
        let places = ["", "a", "alpha", "beta"].map(|key| place_of(key, among(1000)));
        assert_eq!(places, [374, 95, 7, 774]);
        assert_eq!(hash_of(&7_usize), hash_of(&7_u64));
        assert_ne!(hash_of(&7_u32), hash_of(&8_u32));
    }

    // Pt3
    #[test]
    fn with_one_more_partition_a_key_stays_or_goes_to_the_new_one() {
        for partitions in 1..20 {
            let moved = (0..KEYS).filter(|key| {
                let before = place_of(key, among(partitions));
                let after = place_of(key, among(partitions + 1));
                assert!(after == before || after == partitions, "{before} {after}");
                after != before
            });
            let (moved, fair) = (moved.count() as u64, KEYS / (partitions as u64 + 1));
            assert!(moved.abs_diff(fair) < fair / 5, "{moved} instead of {fair}");
        }
    }

    // Pt1
    #[test]
    fn keys_in_a_row_are_spread_evenly() {
        let mut counts = [0_u64; 7];
        for key in 0..KEYS {
            counts[place_of(&key, among(7))] += 1;
        }
        let fair = KEYS / 7;
        assert!(
            counts.iter().all(|count| count.abs_diff(fair) < fair / 10),
            "{counts:?}"
        );
    }
}
