//! The pipes of a kept process: nothing that goes through them holds anybody, and all of it is bounded.

use steadfast::channel;
use steadfast::process::{OutputStream, Process, ProcessStats, Ready, WriteError};
use steadfast::{Child, Restart};

use super::{ready_sh, sh, sleeper, spawned};
use crate::support::LONG;

fn once(process: Process) -> Child<steadfast::process::ProcessRef> {
    Child::process("p", process).restart(Restart::Temporary)
}

// decision 53
#[test]
fn lines_of_both_streams_go_to_the_channel_and_to_the_tail() {
    let (sender, lines) = channel::bounded(16);
    let process = Process::new(sh("echo out; echo err >&2; printf last")).output(sender);
    let (_system, _, handle) = spawned(once(process.tail(2)));
    assert!(handle.ended_timeout(LONG).is_some());
    let mut found: Vec<_> = std::iter::from_fn(|| lines.try_recv().ok().flatten())
        .map(|line| (line.stream, line.text))
        .collect();
    found.sort_by_key(|(stream, _)| *stream == OutputStream::Stderr);
    let expected = [
        (OutputStream::Stdout, "out"),
        (OutputStream::Stdout, "last"),
        (OutputStream::Stderr, "err"),
    ];
    assert_eq!(
        found,
        expected.map(|(stream, text)| (stream, text.to_owned()))
    );
    assert_eq!(handle.tail().len(), 2);
    assert_eq!(handle.stats().lines, 3);
}

// decision 53
#[test]
fn a_flood_of_output_that_nobody_reads_does_not_hold_the_process() {
    let (sender, lines) = channel::bounded(4);
    let process = Process::new(sh("yes | head -n 50000; echo done >&2")).output(sender);
    let (_system, _, handle) = spawned(once(process));
    assert!(handle.ended_timeout(LONG * 6).is_some(), "it is held");
    let stats = handle.stats();
    assert_eq!((stats.lines, stats.refused), (50_001, 50_001 - 4));
    assert_eq!(handle.tail().len(), steadfast::process::DEFAULT_TAIL);
    assert_eq!(lines.depth(), 4);
}

// decision 53
#[test]
fn a_line_that_is_too_long_is_cut_and_counted() {
    let process = Process::new(sh(
        "head -c 100000 /dev/zero | tr '\\0' x; echo; echo short",
    ));
    let (_system, _, handle) = spawned(once(process.max_line(10)));
    assert!(handle.ended_timeout(LONG).is_some());
    let lines: Vec<_> = handle
        .tail()
        .into_iter()
        .map(|line| (line.text, line.is_cut))
        .collect();
    assert_eq!(lines, [("x".repeat(10), true), ("short".to_owned(), false)]);
    let ProcessStats { lines, cut, .. } = handle.stats();
    assert_eq!((lines, cut), (2, 1));
}

// decision 53
#[test]
fn a_flood_before_the_line_that_says_ready_loses_no_line() {
    let process = Process::new(sh("seq 20000; echo ready; exec sleep 1000"));
    let seen = std::sync::atomic::AtomicU64::new(0);
    let process = process.ready(Ready::output(move |line| {
        let before = seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        line == "ready" && before == 20_000
    }));
    let child = once(process).start_deadline(LONG * 6);
    let (_system, _, handle) = spawned(child);
    assert_eq!(handle.stats().lines, 20_001);
}

// decision 53
#[test]
fn what_is_written_arrives_in_order_and_the_end_of_the_input_too() {
    let script = "echo ready; while read -r line; do echo \"<$line>\"; done; echo end";
    let (_system, _, handle) = spawned(once(ready_sh(script).stdin(64)));
    for number in 0..50 {
        handle
            .write(format!("{number}\n").as_bytes())
            .expect("written");
    }
    handle.close_stdin();
    assert!(handle.ended_timeout(LONG).is_some());
    let lines: Vec<_> = handle.tail().into_iter().map(|line| line.text).collect();
    let expected: Vec<_> = (31..50).map(|number| format!("<{number}>")).collect();
    assert_eq!(lines[..19], expected);
    assert_eq!(lines[19], "end");
}

// decision 53
#[test]
fn a_process_that_reads_nothing_makes_a_writer_wait_and_then_refuses() {
    let (_system, _, handle) = spawned(once(Process::new(sleeper()).stdin(100_000)));
    // More than the pipe itself holds: some of it stays in the buffer, which has no room for as much again.
    let bytes = [0; 100_000];
    handle.try_write(&bytes).expect("nothing was written yet");
    assert_eq!(handle.try_write(&bytes), Err(WriteError::Full));
    let brief = std::time::Duration::from_millis(1);
    assert_eq!(
        handle.write_timeout(&bytes, brief),
        Err(WriteError::Timeout)
    );
    let too_large = WriteError::TooLarge { capacity: 100_000 };
    assert_eq!(handle.try_write(&[0; 100_001]), Err(too_large));
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| handle.write_timeout(&bytes, LONG));
        handle.terminate().expect("terminated");
        let refused = waits.join().expect("no panic").expect_err("nobody reads");
        assert!(matches!(
            refused,
            WriteError::NotRunning | WriteError::Closed
        ));
    });
}

// decision 53
#[test]
fn a_process_without_an_open_input_refuses_writes() {
    let (_system, _, handle) = spawned(once(Process::new(sleeper())));
    assert_eq!(handle.try_write(b"x"), Err(WriteError::Closed));
    let whole = Process::new(sh("cat; echo; echo end").input("all of it"));
    let (_system, _, handle) = spawned(once(whole));
    assert!(handle.ended_timeout(LONG).is_some());
    let lines: Vec<_> = handle.tail().into_iter().map(|line| line.text).collect();
    assert_eq!(lines, ["all of it", "end"]);
}
