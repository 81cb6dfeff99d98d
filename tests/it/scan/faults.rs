//! Panics, hangs and exhausted budgets: nothing is lost, nothing counted twice.

use super::run::{Run, program, scan, words};
use super::tree::Tree;

#[test]
fn panics_are_survived_and_change_nothing() {
    let tree = Tree::of("chaos", 400);
    let calm = scan(tree.path(), words("--workers 3")).completes();
    let run = scan(
        tree.path(),
        words("--workers 3 --chaos 10% --seed 1 --verify"),
    )
    .completes();
    assert!(run.number("panics injected") > 10);
    // On a loaded machine a slow parser may be taken for a hung one.
    let kills = run.number("panics injected") + run.number("abandoned");
    assert_eq!(kills, run.number("restarts"));
    assert_eq!(kills, run.number("read again") + run.number("poisoned"));
    assert_eq!(run.row("digest"), calm.row("digest"));
    assert_eq!(run.err, "", "injected panics are no news");
}

#[test]
fn hangs_are_survived_and_what_wakes_too_late_is_refused() {
    let tree = Tree::of("hang", 40);
    let calm = scan(tree.path(), words("")).completes();
    let run = scan(
        tree.path(),
        words("--workers 8 --hang 15% --seed 2 --verify"),
    )
    .completes();
    assert!(run.number("hangs injected") > 3);
    assert!(run.number("abandoned") >= run.number("hangs injected"));
    assert!(
        (1..run.number("abandoned")).contains(&run.number("refused")),
        "{}",
        run.out
    );
    assert_eq!(run.row("digest"), calm.row("digest"));
}

#[test]
fn the_same_seed_does_the_same_damage() {
    let tree = Tree::of("seed", 200);
    let damage = |workers: &str| {
        let run = scan(
            tree.path(),
            words(&format!("--workers {workers} --chaos 20% --seed 5")),
        )
        .completes();
        (
            run.number("panics injected"),
            run.number("poisoned"),
            run.row("digest").to_owned(),
        )
    };
    assert_eq!(damage("1"), damage("5"));
}

#[test]
fn a_file_that_kills_five_parsers_is_poisoned() {
    let tree = Tree::of("poison", 3);
    let run = scan(tree.path(), words("--chaos 100% --verify")).completes();
    assert_eq!((run.number("poisoned"), run.number("files done")), (3, 0));
    assert_eq!(run.number("panics injected"), 15);
    assert_eq!(run.out.matches("poisoned: ").count(), 3);
    assert!(run.out.contains("(3 poisoned left out)"));
}

#[test]
fn an_exhausted_budget_stops_the_tree_in_order_and_is_reported() {
    let tree = Tree::of("budget", 500);
    let run = scan(tree.path(), words("--restarts 3/5s --chaos 60%")).balances();
    assert_eq!(run.code, Some(5), "{}{}", run.out, run.err);
    assert!(
        run.out
            .contains("supervisor scan/parsers gave up: more than 3 restarts in 5s"),
        "{}",
        run.out
    );
    let last: Vec<&str> = run
        .out
        .lines()
        .filter(|line| line.contains("injected by --chaos"))
        .collect();
    assert_eq!(last.len(), 3, "{}", run.out);
    for line in last {
        assert!(
            line.contains("scan/parsers/parser-"),
            "the place in the tree: {line}"
        );
        assert!(
            line.contains("examples/scan/job/parser.rs:"),
            "the place in the source: {line}"
        );
        assert!(
            line.contains(&*tree.path().to_string_lossy()),
            "the file: {line}"
        );
    }
    assert!(run.out.contains("not done "), "{}", run.out);
    assert!(run.err.contains("gave up"), "{}", run.err);
}

#[test]
fn a_parser_that_never_gets_a_file_done_is_given_up() {
    let tree = Tree::of("streak", 300);
    let run = scan(tree.path(), words("--workers 1 --chaos 100%")).balances();
    assert_eq!(run.code, Some(5));
    assert!(
        run.out.contains("failed 51 times without progress"),
        "{}",
        run.out
    );
    assert_eq!(
        (run.number("panics injected"), run.number("restarts")),
        (51, 50)
    );
}

#[test]
fn too_many_abandoned_threads_are_a_budget_too() {
    let tree = Tree::of("abandoned", 30);
    let run = scan(
        tree.path(),
        words("--workers 4 --hang 100% --max-abandoned 2"),
    )
    .balances();
    assert_eq!(run.code, Some(5), "{}{}", run.out, run.err);
    assert!(
        run.out.contains("more than 2 abandoned threads"),
        "{}",
        run.out
    );
}

#[test]
fn the_log_shows_each_restart() {
    let tree = Tree::of("log", 100);
    let mut command = program();
    command
        .env("RUST_LOG", "steadfast=info")
        .arg(tree.path())
        .args(words("--chaos 3% --seed 1"));
    let run = Run::from(command.output().unwrap()).completes();
    let restarts = run
        .err
        .lines()
        .filter(|line| line.contains("child.restarting"))
        .count() as u64;
    assert!(restarts > 0);
    assert_eq!(restarts, run.number("restarts"), "{}", run.err);
}
