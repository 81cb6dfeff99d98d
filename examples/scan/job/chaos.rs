//! Which attempt at which file fails, and how: a pure function of (seed, path, attempt).
//!
//! Nothing else enters: not the time, not the thread, not the order. So a run with chaos can be
//! repeated, and a resumed one goes on as the uninterrupted one would have.

use std::fmt;

/// A share between 0 % and 100 %.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Percent(f64);

impl Percent {
    /// `None` unless `value` is between 0 and 100.
    pub(crate) fn new(value: f64) -> Option<Self> {
        (0.0..=100.0).contains(&value).then_some(Percent(value))
    }

    /// Whether a number drawn from `0..1` falls into this share.
    fn contains(self, drawn: f64) -> bool {
        drawn * 100.0 < self.0
    }

    /// The exact value, for a checkpoint.
    pub(crate) fn to_bits(self) -> u64 {
        self.0.to_bits()
    }

    pub(crate) fn is_zero(self) -> bool {
        self.0 == 0.0
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

/// How much is to go wrong. Default: nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Chaos {
    pub(crate) panics: Percent,
    /// A file that would panic and hang in the same attempt panics.
    pub(crate) hangs: Percent,
    pub(crate) seed: u64,
}

/// What befalls one attempt at one file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fate {
    /// It is read to its end.
    Fine,
    /// The parser panics when it has read this part of the file.
    Panics { at: Place },
    /// The parser stops responding when it has read this part of the file.
    Hangs { at: Place, wakes: bool },
}

/// A place in a file of any length: a share of it, between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Place(f64);

impl Place {
    /// The number of bytes before this place in a file of `length` bytes.
    pub(crate) fn offset(self, length: u64) -> u64 {
        ((length as f64 * self.0) as u64).min(length)
    }
}

impl Chaos {
    /// Whether anything can go wrong at all.
    pub(crate) fn is_any(&self) -> bool {
        !(self.panics.is_zero() && self.hangs.is_zero())
    }

    /// What befalls this attempt (0 is the first) at the file with this path below the directory.
    pub(crate) fn fate(&self, path: &[u8], attempt: u32) -> Fate {
        if !self.is_any() {
            return Fate::Fine;
        }
        let [panic, hang, place, wake] = self.draw(path, attempt);
        let at = Place(place);
        if self.panics.contains(panic) {
            Fate::Panics { at }
        } else if self.hangs.contains(hang) {
            Fate::Hangs {
                at,
                wakes: wake < 0.5,
            }
        } else {
            Fate::Fine
        }
    }

    /// Four independent numbers from `0..1`.
    fn draw(&self, path: &[u8], attempt: u32) -> [f64; 4] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.seed.to_le_bytes());
        hasher.update(&attempt.to_le_bytes());
        hasher.update(path);
        let hash = hasher.finalize();
        let mut numbers = [0.0; 4];
        let (words, _) = hash.as_bytes().as_chunks::<8>();
        for (number, word) in numbers.iter_mut().zip(words) {
            *number = unit(u64::from_le_bytes(*word));
        }
        numbers
    }
}

/// The upper 53 bits as a number from `0..1`.
fn unit(word: u64) -> f64 {
    (word >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chaos(panics: f64, hangs: f64, seed: u64) -> Chaos {
        Chaos {
            panics: Percent::new(panics).unwrap(),
            hangs: Percent::new(hangs).unwrap(),
            seed,
        }
    }

    fn fates(chaos: Chaos) -> Vec<Fate> {
        (0..4000)
            .map(|n| chaos.fate(format!("dir/file-{n}").as_bytes(), 0))
            .collect()
    }

    #[test]
    fn shares_outside_of_nothing_and_all_are_refused() {
        assert!(Percent::new(-0.1).is_none());
        assert!(Percent::new(100.1).is_none());
        assert!(Percent::new(f64::NAN).is_none());
        assert!(Percent::new(100.0).is_some());
    }

    #[test]
    fn nothing_goes_wrong_unless_asked_for() {
        assert!(
            fates(Chaos::default())
                .iter()
                .all(|fate| *fate == Fate::Fine)
        );
    }

    #[test]
    fn the_same_seed_path_and_attempt_have_the_same_fate() {
        assert_eq!(fates(chaos(10.0, 10.0, 1)), fates(chaos(10.0, 10.0, 1)));
        assert_ne!(fates(chaos(10.0, 10.0, 1)), fates(chaos(10.0, 10.0, 2)));
    }

    #[test]
    fn each_attempt_is_drawn_anew() {
        let chaos = chaos(50.0, 0.0, 3);
        let differ = (0..100u32).filter(|n| {
            let path = n.to_le_bytes();
            (chaos.fate(&path, 0) == Fate::Fine) != (chaos.fate(&path, 1) == Fate::Fine)
        });
        assert!((30..70).contains(&differ.count()));
    }

    #[test]
    fn the_shares_are_kept() {
        let fates = fates(chaos(20.0, 25.0, 4));
        let panics = fates
            .iter()
            .filter(|fate| matches!(fate, Fate::Panics { .. }))
            .count();
        let hangs = fates
            .iter()
            .filter(|fate| matches!(fate, Fate::Hangs { .. }))
            .count();
        let wake = fates
            .iter()
            .filter(|fate| matches!(fate, Fate::Hangs { wakes: true, .. }))
            .count();
        assert!((700..900).contains(&panics), "{panics}");
        assert!(
            (700..900).contains(&hangs),
            "a quarter of the rest: {hangs}"
        );
        assert!((330..470).contains(&wake), "half of the hangs: {wake}");
    }

    #[test]
    fn all_means_all() {
        assert!(
            fates(chaos(100.0, 100.0, 5))
                .iter()
                .all(|fate| matches!(fate, Fate::Panics { .. }))
        );
    }

    #[test]
    fn a_place_lies_within_its_file() {
        assert_eq!(Place(0.5).offset(0), 0);
        assert_eq!(Place(0.5).offset(1000), 500);
        assert_eq!(
            Place(0.999).offset(u64::MAX).max(1),
            Place(0.999).offset(u64::MAX)
        );
        assert!(Place(0.999_999).offset(3) < 3);
    }
}
