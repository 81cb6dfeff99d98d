//! What the tests with real threads put into nodes: values that say whose they are, and a register of their ends.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// How many rounds a storm has: as many as the environment asks for, else few.
pub(crate) fn storm(few: usize) -> usize {
    let asked = std::env::var("STEADFAST_STORM").ok();
    asked.and_then(|it| it.parse().ok()).unwrap_or(few)
}

/// Who was born, and who has ended.
#[derive(Debug)]
pub(crate) struct Register {
    born: AtomicUsize,
    ended: Box<[AtomicU8]>,
}

impl Register {
    /// Has room for so many.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            born: AtomicUsize::new(0),
            ended: (0..most).map(|_| AtomicU8::new(0)).collect(),
        }
    }

    /// A value of `key`.
    pub(crate) fn bear(&self, key: u64) -> Mortal<'_> {
        let number = self.born.fetch_add(1, Ordering::Relaxed);
        assert!(number < self.ended.len(), "the register is full");
        Mortal {
            register: self,
            number,
            key,
            proof: proof_of(key, number),
        }
    }

    /// How many live; about, while others bear and end.
    pub(crate) fn living(&self) -> usize {
        let ended = self.ended.iter().map(|it| it.load(Ordering::Relaxed));
        let ended: usize = ended.map(usize::from).sum();
        self.born.load(Ordering::Relaxed) - ended
    }

    /// All that were born have ended, each once.
    pub(crate) fn close(&self) {
        let born = self.born.load(Ordering::Relaxed);
        let ends = self.ended.iter().map(|it| it.load(Ordering::Relaxed));
        assert!(ends.take(born).all(|ends| ends == 1), "somebody lives on");
    }
}

/// A value that says whose it is for as long as it lives. Its inside is plain memory: a look at it that is not ordered
/// before its end is a race, which the ThreadSanitizer finds.
#[derive(Debug)]
pub(crate) struct Mortal<'r> {
    register: &'r Register,
    number: usize,
    key: u64,
    proof: u64,
}

fn proof_of(key: u64, number: usize) -> u64 {
    !(key << 32 ^ number as u64)
}

impl Mortal<'_> {
    /// Its key; fails if it has ended, or is not whole.
    pub(crate) fn key(&self) -> u64 {
        let proof = proof_of(self.key, self.number);
        assert_eq!(self.proof, proof, "a look at what has ended");
        self.key
    }

    /// Which one it is; later ones have greater numbers.
    pub(crate) fn number(&self) -> usize {
        self.number
    }
}

/// Bears another one of the same key.
impl Clone for Mortal<'_> {
    fn clone(&self) -> Self {
        self.register.bear(self.key())
    }
}

impl Drop for Mortal<'_> {
    fn drop(&mut self) {
        self.proof = 0;
        let before = self.register.ended[self.number].fetch_add(1, Ordering::Relaxed);
        assert_eq!(before, 0, "ended twice");
    }
}
