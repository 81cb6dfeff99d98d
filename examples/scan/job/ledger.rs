//! The ledger: what has become of each file, so that each counts once and none is lost.
//!
//! A file is *waiting*, then *in hand* in attempt 0, 1, 2, … (an attempt ends without a result when its
//! parser dies or is abandoned), and at last settled: done, failed, poisoned or not done. A result is
//! counted only if it comes from the attempt that is in hand now; whatever comes late is refused.
//! Two bytes per file.

/// A file kills so many parsers, then it is poisoned.
pub(crate) const KILLS_TO_POISON: u8 = 5;

/// The number of a file, in the order of the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileId(u32);

/// How a file is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// Its result is counted.
    Done,
    /// It vanished or could not be read.
    Failed,
    /// It killed too many parsers.
    Poisoned,
    /// The scan ended before.
    NotDone,
}

/// Why the ledger refuses an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Another attempt is in hand.
    Stale,
    /// The file is settled already.
    Settled,
    /// Nobody has taken the file in hand.
    NotInHand,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    InHand,
    Settled(Settled),
}

#[derive(Clone, Copy, Debug)]
struct Row {
    state: State,
    attempt: u8,
}

/// How many files are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) discovered: u64,
    pub(crate) done: u64,
    pub(crate) failed: u64,
    pub(crate) poisoned: u64,
    pub(crate) not_done: u64,
    /// Attempts after the first.
    pub(crate) read_again: u64,
    /// Entries that were refused.
    pub(crate) refused: u64,
}

impl Counts {
    /// Files whose end is known.
    pub(crate) fn settled(&self) -> u64 {
        self.done + self.failed + self.poisoned + self.not_done
    }
}

/// The verdict of [`Ledger::audit`]; both are zero unless scan has a defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Audit {
    pub(crate) lost: u64,
    pub(crate) counted_twice: u64,
}

/// What has become of each file.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    rows: Vec<Row>,
    counts: Counts,
}

impl Ledger {
    /// A file was found; it waits. `None` when there are more files than numbers.
    pub(crate) fn discover(&mut self) -> Option<FileId> {
        let id = u32::try_from(self.rows.len()).ok()?;
        self.rows.push(Row {
            state: State::Waiting,
            attempt: 0,
        });
        self.counts.discovered += 1;
        Some(FileId(id))
    }

    /// A parser takes the file in hand. The first attempt is 0, each next one is one more.
    pub(crate) fn take(&mut self, id: FileId, attempt: u8) -> Result<(), Refusal> {
        let row = &mut self.rows[id.0 as usize];
        let may = match row.state {
            State::Waiting if attempt == 0 => Ok(()),
            State::InHand if attempt == row.attempt.saturating_add(1) => Ok(()),
            State::Settled(_) => Err(Refusal::Settled),
            State::Waiting | State::InHand => Err(Refusal::Stale),
        };
        match may {
            Ok(()) => {
                *row = Row {
                    state: State::InHand,
                    attempt,
                };
                self.counts.read_again += u64::from(attempt > 0);
            }
            Err(_) => self.counts.refused += 1,
        }
        may
    }

    /// The attempt brings the end of the file: it counts now, or is refused and must not be counted.
    pub(crate) fn settle(&mut self, id: FileId, attempt: u8, end: Settled) -> Result<(), Refusal> {
        let row = &mut self.rows[id.0 as usize];
        let may = match row.state {
            State::InHand if attempt == row.attempt => Ok(()),
            State::InHand => Err(Refusal::Stale),
            State::Waiting => Err(Refusal::NotInHand),
            State::Settled(_) => Err(Refusal::Settled),
        };
        match may {
            Ok(()) => {
                row.state = State::Settled(end);
                self.count(end);
            }
            Err(_) => self.counts.refused += 1,
        }
        may
    }

    /// The scan ends and this file, wherever it was found, was not done. False if it is settled.
    pub(crate) fn leave(&mut self, id: FileId) -> bool {
        let row = &mut self.rows[id.0 as usize];
        if matches!(row.state, State::Settled(_)) {
            return false;
        }
        row.state = State::Settled(Settled::NotDone);
        self.count(Settled::NotDone);
        true
    }

    /// An entry was refused elsewhere: a fenced thread could not even deliver it.
    pub(crate) fn refused_elsewhere(&mut self) {
        self.counts.refused += 1;
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether every discovered file is settled.
    pub(crate) fn all_settled(&self) -> bool {
        self.counts.settled() == self.counts.discovered
    }

    /// Compares the rows, one by one, with the number of results that really went into the totals.
    pub(crate) fn audit(&self, results: u64) -> Audit {
        let in_state = |end| {
            self.rows
                .iter()
                .filter(|row| row.state == State::Settled(end))
                .count() as u64
        };
        let done = in_state(Settled::Done);
        let known = done
            + in_state(Settled::Failed)
            + in_state(Settled::Poisoned)
            + in_state(Settled::NotDone);
        let unknown = self.rows.len() as u64 - known;
        Audit {
            lost: unknown + done.saturating_sub(results),
            counted_twice: results.saturating_sub(done),
        }
    }

    fn count(&mut self, end: Settled) {
        match end {
            Settled::Done => self.counts.done += 1,
            Settled::Failed => self.counts.failed += 1,
            Settled::Poisoned => self.counts.poisoned += 1,
            Settled::NotDone => self.counts.not_done += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> (Ledger, FileId) {
        let mut ledger = Ledger::default();
        let id = ledger.discover().unwrap();
        (ledger, id)
    }

    const BALANCED: Audit = Audit {
        lost: 0,
        counted_twice: 0,
    };

    #[test]
    fn a_file_is_taken_done_and_counted() {
        let (mut ledger, id) = one();
        assert!(!ledger.all_settled());
        ledger.take(id, 0).unwrap();
        ledger.settle(id, 0, Settled::Done).unwrap();
        assert!(ledger.all_settled());
        assert_eq!(
            ledger.counts(),
            Counts {
                discovered: 1,
                done: 1,
                ..Counts::default()
            }
        );
        assert_eq!(ledger.audit(1), BALANCED);
    }

    #[test]
    fn a_result_that_comes_twice_is_refused_once() {
        let (mut ledger, id) = one();
        ledger.take(id, 0).unwrap();
        ledger.settle(id, 0, Settled::Done).unwrap();
        assert_eq!(ledger.settle(id, 0, Settled::Done), Err(Refusal::Settled));
        assert_eq!(ledger.take(id, 1), Err(Refusal::Settled));
        assert_eq!(ledger.counts().refused, 2);
        assert_eq!(ledger.counts().done, 1);
    }

    #[test]
    fn the_late_result_of_an_abandoned_attempt_is_refused() {
        let (mut ledger, id) = one();
        ledger.take(id, 0).unwrap();
        ledger.take(id, 1).unwrap();
        assert_eq!(ledger.settle(id, 0, Settled::Done), Err(Refusal::Stale));
        ledger.settle(id, 1, Settled::Done).unwrap();
        assert_eq!(ledger.settle(id, 0, Settled::Failed), Err(Refusal::Settled));
        assert_eq!(
            ledger.counts(),
            Counts {
                discovered: 1,
                done: 1,
                read_again: 1,
                refused: 2,
                ..Counts::default()
            }
        );
    }

    #[test]
    fn attempts_come_one_after_the_other() {
        let (mut ledger, id) = one();
        assert_eq!(ledger.take(id, 1), Err(Refusal::Stale));
        assert_eq!(ledger.settle(id, 0, Settled::Done), Err(Refusal::NotInHand));
        ledger.take(id, 0).unwrap();
        assert_eq!(ledger.take(id, 0), Err(Refusal::Stale));
        assert_eq!(ledger.take(id, 2), Err(Refusal::Stale));
        ledger.take(id, 1).unwrap();
    }

    #[test]
    fn what_is_left_is_not_done_and_not_lost() {
        let (mut ledger, waiting) = one();
        let in_hand = ledger.discover().unwrap();
        let done = ledger.discover().unwrap();
        for id in [in_hand, done] {
            ledger.take(id, 0).unwrap();
        }
        ledger.settle(done, 0, Settled::Done).unwrap();
        assert_eq!(
            ledger.audit(1),
            Audit {
                lost: 2,
                counted_twice: 0
            }
        );
        assert!(ledger.leave(waiting));
        assert!(ledger.leave(in_hand));
        assert!(!ledger.leave(done));
        assert!(!ledger.leave(waiting));
        assert_eq!(ledger.audit(1), BALANCED);
        assert_eq!(ledger.counts().not_done, 2);
        assert_eq!(
            ledger.settle(in_hand, 0, Settled::Done),
            Err(Refusal::Settled)
        );
    }

    #[test]
    fn the_audit_sees_totals_that_do_not_belong_to_the_rows() {
        let (mut ledger, id) = one();
        ledger.take(id, 0).unwrap();
        ledger.settle(id, 0, Settled::Done).unwrap();
        assert_eq!(
            ledger.audit(0),
            Audit {
                lost: 1,
                counted_twice: 0
            }
        );
        assert_eq!(
            ledger.audit(3),
            Audit {
                lost: 0,
                counted_twice: 2
            }
        );
    }

    #[test]
    fn a_row_is_small() {
        assert!(size_of::<Row>() <= 2);
    }

    #[test]
    fn any_sequence_keeps_the_books_balanced() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..200 {
            let mut ledger = Ledger::default();
            let mut results = 0;
            let mut ids = Vec::new();
            for _ in 0..200 {
                if ids.is_empty() || rng.u8(..) < 40 {
                    ids.push(ledger.discover().unwrap());
                    continue;
                }
                let id = ids[rng.usize(..ids.len())];
                let attempt = rng.u8(..KILLS_TO_POISON);
                let end = [Settled::Done, Settled::Failed, Settled::Poisoned][rng.usize(..3)];
                if rng.bool() {
                    let _ = ledger.take(id, attempt);
                } else if ledger.settle(id, attempt, end).is_ok() && end == Settled::Done {
                    results += 1;
                }
            }
            let open = ledger.counts().discovered - ledger.counts().settled();
            assert_eq!(
                ledger.audit(results),
                Audit {
                    lost: open,
                    counted_twice: 0
                }
            );
            for id in ids {
                ledger.leave(id);
            }
            assert_eq!(ledger.audit(results), BALANCED);
            assert!(ledger.all_settled());
        }
    }
}
