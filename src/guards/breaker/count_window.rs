//! The last calls: how many of them failed, how many were slow. Pure.

use std::collections::VecDeque;

use super::threshold::{Sums, Threshold};

/// One call of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) failed: bool,
    pub(crate) slow: bool,
}

/// The last `size` calls of one generation.
#[derive(Clone, Debug)]
pub(crate) struct CountWindow {
    size: usize,
    generation: u32,
    samples: VecDeque<Sample>,
    sums: Sums,
}

impl CountWindow {
    /// An empty window of at least one call.
    pub(crate) fn new(size: u32) -> Self {
        Self {
            size: size as usize,
            generation: 0,
            samples: VecDeque::new(),
            sums: Sums::default(),
        }
    }

    /// Takes a call in, of the present generation or of a newer one, which begins anew. Whether it is enough.
    pub(crate) fn record(
        &mut self,
        generation: u32,
        sample: Sample,
        threshold: &Threshold,
    ) -> bool {
        if self.generation != generation {
            self.generation = generation;
            self.samples.clear();
            self.sums = Sums::default();
        }
        if self.samples.len() == self.size
            && let Some(oldest) = self.samples.pop_front()
        {
            self.sums.remove(oldest);
        }
        self.samples.push_back(sample);
        self.sums.add(sample);
        threshold.is_reached(self.sums)
    }

    /// Whether it is full of good calls.
    pub(crate) fn is_clean(&self) -> bool {
        let Sums { failed, slow, .. } = self.sums;
        self.samples.len() == self.size && failed + slow == 0
    }

    /// The sums of this generation.
    pub(crate) fn sums(&self, generation: u32) -> Sums {
        if self.generation == generation {
            self.sums
        } else {
            Sums::default()
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn its_sums_are_those_of_the_last_calls_of_its_generation() {
        for seed in 0..500 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let size = rng.u32(1..10);
            let (mut window, mut all) = (CountWindow::new(size), Vec::new());
            let mut generation = 0;
            for _ in 0..100 {
                if rng.u32(0..20) == 0 {
                    generation += 1;
                    all.clear();
                }
                let (failed, slow) = (rng.u32(0..9) == 0, rng.u32(0..9) == 0);
                let sample = Sample { failed, slow };
                all.push(sample);
                window.record(generation, sample, &Threshold::NEVER);
                let last = all.iter().rev().take(size as usize);
                let mut naive = Sums::default();
                last.for_each(|sample| naive.add(*sample));
                assert_eq!(window.sums(generation), naive, "seed {seed}");
                let good = Sums {
                    calls: size,
                    ..Sums::default()
                };
                assert_eq!(window.is_clean(), naive == good, "seed {seed}");
            }
        }
    }
}
