//! Models of rules that are replaced while words are decided by them.

use super::runner::{Model, here};
use crate::kernel::rules::{Numbers, Rules};
use crate::kernel::word::Word;

/// Rules and a word of theirs. The first number is the limit; a position counts what was taken, and is converted by
/// adding ten, so that a conversion that is missed or done twice shows.
struct Limited {
    rules: Rules,
    word: Word,
}

fn limited(limit: u64) -> Limited {
    let rules = Rules::new([limit, limit]);
    let word = rules.word();
    Limited { rules, word }
}

fn plus_ten(before: &Numbers, present: &Numbers, position: u64) -> u64 {
    assert_eq!(before[0], before[1], "torn");
    assert_eq!(present[0], before[0] + 11, "not from the one before");
    position + 10
}

impl Limited {
    /// Takes one below the limit: the limit that it was taken by, and the position before. `None`: refused.
    fn take(&self) -> Option<(u64, u64)> {
        let taken = self
            .rules
            .decide(&self.word, plus_ten, |numbers, position| {
                let [limit, same] = *numbers;
                assert_eq!(limit, same, "torn");
                if position < limit {
                    Ok((position + 1, (limit, position)))
                } else {
                    Err(())
                }
            });
        taken.ok()
    }

    fn replace(&self, limit: u64) {
        self.rules.replace([limit, limit], || self.settle());
    }

    fn settle(&self) {
        let kept = |_: &Numbers, position| Ok::<_, ()>((position, ()));
        assert!(self.rules.decide(&self.word, plus_ten, kept).is_ok());
    }

    fn position(&self) -> u64 {
        let looked = self.rules.decide(&self.word, plus_ten, |_, position| {
            Err::<(u64, ()), _>(position)
        });
        looked.unwrap_err()
    }
}

/// One thread takes, another replaces the limit of 1 by one of 12: ten for the conversion, and two.
/// Allowed: taken by the old limit, and then converted; taken by the new one from the converted position. Forbidden: a
/// take that is lost, a conversion that is missed or done twice, the old limit at the new position.
#[test]
fn a_take_beside_a_replacement_is_converted_with_the_rest_or_comes_after_it() {
    Model::new(here!(), || limited(1)).floor(40).run(
        [(Some((1, 0)), 11), (Some((12, 10)), 11)],
        [Limited::take, |it| {
            it.replace(12);
            None
        }],
        |it, [taken, _]| (taken, it.position()),
    );
}

/// Two threads take beside a replacement of a limit of 1 by one of 12: ten for the conversion, and two.
/// Allowed: one by the old limit, and one by the new or refused; both by the new. Forbidden: two by the old limit, a
/// take that is lost.
#[test]
fn no_more_pass_beside_a_replacement_than_the_rules_say() {
    let (old, new, last) = (Some((1, 0)), Some((12, 10)), Some((12, 11)));
    let ends = [
        ([old, None], 11),
        ([None, old], 11),
        ([old, last], 12),
        ([last, old], 12),
        ([new, last], 12),
        ([last, new], 12),
    ];
    Model::new(here!(), || limited(1))
        .floor(1_000)
        .preemptions(3)
        .run(
            ends,
            [Limited::take, Limited::take, |it| {
                it.replace(12);
                None
            }],
            |it, [one, other, _]| ([one, other], it.position()),
        );
}

/// One thread replaces the rule twice, another takes: a word has the parity of the first rule again.
/// Allowed: any of the three rules. Forbidden: the first rule at the last position.
/// Broken by: a Relaxed publication, a Relaxed look at it, no second look.
#[test]
fn no_word_is_taken_for_one_of_two_replacements_ago() {
    Model::new(here!(), || limited(1))
        .floor(800)
        .preemptions(3)
        .breaks(["rules.publish", "rules.look", "rules.again"])
        .run(
            [Some((1, 0)), Some((12, 10)), Some((23, 20))],
            [Limited::take, |it| {
                [12, 23].into_iter().for_each(|limit| it.replace(limit));
                None
            }],
            |_, [taken, _]| taken,
        );
}

/// One thread replaces the rule four times, which writes over the first one; another takes.
/// Allowed: any of the five rules. Forbidden: numbers of two rules at once.
/// Broken by: Relaxed numbers on either side, no second look at the one before.
#[test]
fn no_rule_is_torn_when_its_place_is_written_again() {
    let ends = (0..5).map(|turn| Some((1 + 11 * turn, 10 * turn)));
    Model::new(here!(), || limited(1))
        .floor(800)
        .preemptions(2)
        .breaks(["rules.write", "rules.number", "rules.before"])
        .run(
            ends,
            [Limited::take, |it| {
                [12, 23, 34, 45]
                    .into_iter()
                    .for_each(|limit| it.replace(limit));
                None
            }],
            |_, [taken, _]| taken,
        );
}
