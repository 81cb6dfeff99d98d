//! Ctrl-C and checkpoints.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use super::run::{Run, is_refused, program, scan, words};
use super::tree::Tree;

#[test]
fn an_interrupted_scan_is_resumed_to_the_same_digest() {
    let tree = Tree::of("resume", 600);
    let state = Tree::new("resume-state");
    let file = state.path().join("checkpoint");
    let whole = scan(tree.path(), words("")).completes();

    let options = |workers: &str| {
        let mut options: Vec<OsString> = words("--hang 3% --seed 3 --workers")
            .map(Into::into)
            .collect();
        options.extend([workers.into(), "--resume".into(), file.clone().into()]);
        options
    };
    let run = interrupt(program().arg(tree.path()).args(options("1"))).balances();
    assert_eq!(run.code, Some(130), "{}{}", run.out, run.err);
    assert!(run.out.lines().next().unwrap().ends_with(", interrupted"));
    let done = run.number("files done");
    assert!((1..600).contains(&done), "{done}");
    assert!(file.exists());

    let run = scan(tree.path(), options("16")).completes();
    assert_eq!(run.number("from the checkpoint"), done);
    assert_eq!(run.row("digest"), whole.row("digest"));
    assert!(
        !file.exists(),
        "a complete scan needs its checkpoint no more"
    );
}

/// Starts the program, presses Ctrl-C as soon as a first parser was abandoned, and waits for its end.
fn interrupt(command: &mut Command) -> Run {
    command
        .env("RUST_LOG", "steadfast=info")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("child.abandoned") {
        assert!(
            err.read_line(&mut said).unwrap() > 0,
            "it ended before: {said}"
        );
    }
    press_ctrl_c(&child);
    err.read_to_string(&mut said).unwrap();
    let mut run: Run = child.wait_with_output().unwrap().into();
    run.err = said;
    run
}

fn press_ctrl_c(child: &Child) {
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

#[test]
fn a_checkpoint_that_is_no_use_is_refused_and_left_alone() {
    let tree = Tree::of("checkpoint", 3);
    let state = Tree::new("checkpoint-state");
    let file = state.file(
        "checkpoint",
        "this is no checkpoint, but it is long enough to be one\n",
    );
    let resume = [OsStr::new("--resume"), file.as_os_str()];
    is_refused(
        &scan(tree.path(), resume),
        4,
        "it is not a checkpoint of scan",
    );
    assert!(
        std::fs::read_to_string(&file)
            .unwrap()
            .starts_with("this is no checkpoint")
    );
    let missing = state.path().join("missing/checkpoint");
    is_refused(
        &scan(tree.path(), [OsStr::new("--resume"), missing.as_os_str()]),
        4,
        "cannot write it",
    );
    is_refused(
        &scan(
            tree.path(),
            [OsStr::new("--resume"), state.path().as_os_str()],
        ),
        4,
        "checkpoint",
    );
}

#[test]
fn a_checkpoint_of_another_scan_or_with_a_flipped_bit_is_refused() {
    let tree = Tree::of("other", 300);
    let state = Tree::new("other-state");
    let file = state.path().join("checkpoint");
    let resume = |options: &'static str| {
        let words = words(options).map(OsString::from);
        words
            .chain(["--resume".into(), file.clone().into()])
            .collect::<Vec<_>>()
    };
    // Giving up leaves a checkpoint as well.
    assert_eq!(
        scan(tree.path(), resume("--chaos 60% --restarts 3/5s")).code,
        Some(5)
    );
    let other = Tree::of("other-dir", 1);
    is_refused(
        &scan(other.path(), resume("--chaos 60%")),
        4,
        "it belongs to the directory",
    );
    is_refused(
        &scan(tree.path(), resume("")),
        4,
        "it was made with --chaos 60% --hang 0% --seed 0",
    );
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    is_refused(
        &scan(tree.path(), resume("--chaos 60%")),
        4,
        "it is corrupt: its checksum is wrong",
    );
}

#[test]
fn a_checkpoint_in_the_directory_is_no_part_of_the_work() {
    let tree = Tree::of("inside", 300);
    let whole = scan(tree.path(), words("")).completes();
    let file = tree.path().join("3/checkpoint");
    let resume = |options: &'static str| {
        let words = words(options).map(OsString::from);
        words
            .chain(["--resume".into(), file.clone().into()])
            .collect::<Vec<_>>()
    };
    let options = "--chaos 20% --seed 4 --restarts 9/5s --workers 1";
    let run = scan(tree.path(), resume(options)).balances();
    assert_eq!(run.code, Some(5), "{}{}", run.out, run.err);
    let run = scan(tree.path(), resume("--chaos 20% --seed 4 --verify")).completes();
    assert!(run.number("from the checkpoint") > 0);
    assert_eq!(run.row("skipped"), "1 (1 own checkpoint)");
    assert_eq!(run.row("digest"), whole.row("digest"));
}
