//! One number of one bucket of a time window: a word that says what of which piece of time it counts. Pure.
//!
//! ```text
//!   bits 63 .. 50 | 49 ............ 28 | 27 ........... 0
//!   [ generation  |        turn        |      count     ]
//! ```
//! A bucket is used once per *turn*, which is once in the length of the window. A number that is found with another turn
//! or generation is replaced by the first one of the present in the same step that counts it, so that nothing is lost when
//! time moves on. What it counts stays below 2^28: more calls within a tenth of a window are not told apart.

/// The numbers that a count can have.
pub(crate) const MOST: u32 = (1 << 28) - 1;

const TURNS: u32 = (1 << 22) - 1;
const GENERATIONS: u32 = (1 << 14) - 1;

/// A number that is ahead by more turns is taken for one that has not been used since the turns began anew.
const FARTHEST: u32 = 1 << 10;

/// A number, and what it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Modulo 2^14.
    generation: u32,
    /// Modulo 2^22.
    turn: u32,
    count: u32,
}

impl Tally {
    /// Nothing yet, of a turn of a generation.
    pub(crate) const fn new(generation: u32, turn: u64) -> Self {
        Self {
            generation: generation & GENERATIONS,
            turn: turn as u32 & TURNS,
            count: 0,
        }
    }

    pub(crate) const fn pack(self) -> u64 {
        (self.generation as u64) << 50 | (self.turn as u64) << 28 | self.count as u64
    }

    pub(crate) const fn unpack(bits: u64) -> Self {
        Self {
            generation: (bits >> 50) as u32,
            turn: (bits >> 28) as u32 & TURNS,
            count: bits as u32 & MOST,
        }
    }

    /// The number with one more of this turn of the present generation; `None` if time has moved on since, so that the
    /// call comes too late.
    ///
    /// Another generation than the present one is an older one.
    pub(crate) const fn add(self, generation: u32, turn: u64) -> Option<Self> {
        let fresh = Self::new(generation, turn);
        let is_of_it = self.generation == fresh.generation;
        let ahead = self.turn.wrapping_sub(fresh.turn) & TURNS;
        let count = match ahead {
            0 if is_of_it && self.count == MOST => MOST,
            0 if is_of_it => self.count + 1,
            1..FARTHEST if is_of_it => return None,
            _ => 1,
        };
        Some(Self { count, ..fresh })
    }

    /// What it counts of this turn of this generation.
    pub(crate) const fn of(self, generation: u32, turn: u64) -> u32 {
        let asked = Self::new(generation, turn);
        if self.generation == asked.generation && self.turn == asked.turn {
            self.count
        } else {
            0
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn one(generation: u32, turn: u64) -> Tally {
        Tally::new(0, 0).add(generation, turn).expect("newer")
    }

    #[test]
    fn a_number_survives_packing() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..1_000 {
            let fresh = Tally::new(rng.u32(..), rng.u64(..));
            let count = rng.u32(0..=MOST);
            let number = Tally { count, ..fresh };
            assert_eq!(Tally::unpack(number.pack()), number);
        }
    }

    #[test]
    fn a_newer_turn_begins_anew_and_an_older_one_comes_too_late() {
        let number = one(3, 7);
        let count = |number: Option<Tally>| number.map(|number| number.count);
        assert_eq!(count(number.add(3, 7)), Some(2));
        assert_eq!(count(number.add(3, 8)), Some(1));
        assert_eq!(number.add(3, 6), None);
        let next = number
            .add(3, u64::from(TURNS) + 8)
            .expect("the turns begin anew");
        assert_eq!(next.count, 2);
        assert_eq!(count(one(3, 1 << 21).add(3, 1)), Some(1), "silent for long");
    }

    #[test]
    fn any_other_generation_than_the_present_one_is_older() {
        for before in [0, 1, 1 << 13, GENERATIONS] {
            for now in [2, 1 << 12, (1 << 13) + 1, (1 << 19) + 5] {
                let next = one(before, 7).add(now, 6).expect("present");
                assert_eq!(next.of(now, 6), 1, "{before} {now}");
                assert_eq!(next.of(before, 6), 0, "{before} {now}");
            }
        }
    }

    #[test]
    fn a_count_stays_where_it_ends() {
        let full = Tally {
            count: MOST,
            ..one(1, 1)
        };
        assert_eq!(full.add(1, 1), Some(full));
    }
}
