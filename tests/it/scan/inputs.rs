//! What is on the command line and in the directory: each bad input has a clear message and its code.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use super::run::{Run, is_refused, program, scan, words};
use super::tree::Tree;

#[test]
fn a_scan_reads_everything_and_agrees_with_one_plain_thread() {
    let tree = Tree::of("plain", 300);
    let run = scan(tree.path(), ["--verify"]).completes();
    assert_eq!(run.number("files done"), 300);
    assert_eq!(run.number("restarts"), 0);
    assert!(
        run.out
            .contains("verified: one plain thread finds the same digest over 300 files")
    );
    assert_eq!(run.err, "");
}

#[test]
fn help_documents_the_options_and_the_exit_codes() {
    let run: Run = program().arg("--help").output().unwrap().into();
    assert_eq!(run.code, Some(0));
    for text in ["--max-abandoned", "exit codes", "  5  ", "130  "] {
        assert!(run.out.contains(text), "{text}");
    }
}

#[test]
fn a_wrong_command_line_is_refused_with_its_own_code() {
    let tree = Tree::new("usage");
    for (line, message) in [
        ("--workers 0", "--workers: 0 is not between 1 and 1024"),
        ("--chaos 150%", "--chaos: 150% is more than 100%"),
        ("--hang lots", "\"lots\" is no percentage"),
        ("--restarts 3", "is not like 3/5s"),
        ("--frobnicate", "--frobnicate"),
        ("another", "one DIR at a time"),
    ] {
        is_refused(&scan(tree.path(), words(line)), 2, message);
    }
}

#[test]
fn a_missing_directory_and_a_file_are_refused_and_an_empty_one_is_done_at_once() {
    let tree = Tree::new("dirs");
    let file = tree.file("file", "");
    is_refused(
        &scan(&tree.path().join("missing"), words("")),
        3,
        "missing: No such file",
    );
    is_refused(&scan(&file, words("")), 3, "file: Not a directory");
    std::fs::remove_file(file).unwrap();
    let run = scan(tree.path(), ["--verify"]).completes();
    assert_eq!(run.number("files found"), 0);
}

#[test]
fn what_is_no_regular_file_is_skipped_and_counted_and_nothing_blocks() {
    let tree = Tree::new("kinds");
    let text = tree.file("dir/text", "one\ntwo\n");
    std::os::unix::fs::symlink("..", tree.path().join("dir/loop")).unwrap();
    std::os::unix::fs::symlink(&text, tree.path().join("link")).unwrap();
    let fifo = Command::new("mkfifo")
        .arg(tree.path().join("fifo"))
        .status()
        .unwrap();
    assert!(fifo.success());
    let _socket = std::os::unix::net::UnixListener::bind(tree.path().join("socket")).unwrap();
    std::fs::write(
        tree.path().join(OsStr::from_bytes(b"not-\xff-text")),
        [0, 0xff, 0xfe],
    )
    .unwrap();
    let run = scan(tree.path(), words("--verify --chaos 50%")).completes();
    assert_eq!(run.number("files done"), 2);
    assert_eq!(
        run.row("skipped"),
        "4 (2 symbolic links, 1 FIFOs, 1 sockets)"
    );
    assert_eq!(run.number("bytes"), 11);
}

#[test]
fn a_closed_stdout_is_no_panic() {
    let tree = Tree::of("closed", 10);
    for options in ["", "--verify"] {
        let mut child = program()
            .arg(tree.path())
            .args(words(options))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        is_refused(
            &child.wait_with_output().unwrap().into(),
            7,
            "standard output: Broken pipe",
        );
    }
}

// The kernel makes a new number for every reader of `uuid`.
#[cfg(target_os = "linux")]
#[test]
fn verify_finds_a_file_that_changes() {
    let run = scan(Path::new("/proc/sys/kernel/random"), ["--verify"]).balances();
    assert_eq!(run.code, Some(1), "{}{}", run.out, run.err);
    assert!(
        run.out.contains("DIFFERENT: one plain thread finds"),
        "{}",
        run.out
    );
    assert!(run.out.contains("/uuid differs"), "{}", run.out);
}

#[test]
fn a_directory_that_shrinks_while_it_is_read_loses_nothing_from_the_count() {
    let tree = Tree::of("shrinks", 2000);
    let removed = AtomicU64::new(0);
    let run = std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in (0..2000).rev() {
                let gone = std::fs::remove_file(tree.path().join(format!("{}/{n}", n % 7)));
                removed.fetch_add(u64::from(gone.is_ok()), Ordering::Relaxed);
            }
        });
        scan(tree.path(), words("--chaos 1%"))
    });
    let run = run.completes();
    assert!(run.number("files done") <= 2000);
    assert_eq!(removed.into_inner(), 2000);
}

#[test]
fn what_cannot_be_read_is_counted_and_named() {
    use std::os::unix::fs::PermissionsExt;
    let tree = Tree::of("unreadable", 5);
    let secret = tree.file("secret", "x");
    let locked = tree.file("locked/file", "x");
    let locked = locked.parent().unwrap();
    for path in [&*secret, locked] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o000)).unwrap();
    }
    // The superuser reads everything.
    let is_super = std::fs::read(&secret).is_ok();
    let run = scan(tree.path(), ["--verify"]).completes();
    std::fs::set_permissions(locked, PermissionsExt::from_mode(0o700)).unwrap();
    let expected = if is_super {
        ("0", "0")
    } else {
        ("1 (1 unreadable)", "1 (1 unread directories)")
    };
    assert_eq!((run.row("failed"), run.row("skipped")), expected);
    assert_eq!(
        run.out.matches("Permission denied").count(),
        if is_super { 0 } else { 2 }
    );
}

// Some of its files may not be read even by the superuser.
#[cfg(target_os = "linux")]
#[test]
fn a_scan_of_the_kernels_own_files_balances() {
    let run = scan(Path::new("/proc/sys"), words("")).completes();
    assert!(run.number("files found") > 100);
}
