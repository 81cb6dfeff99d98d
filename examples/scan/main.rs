//! `scan`: reads every file below a directory in a supervised pipeline of threads, while they panic and
//! hang on request, and loses nothing.
//!
//! ```text
//! cargo run --release --example scan -- --chaos 1% --hang 0.1% --verify
//! ```
//!
//! Here: the order of things. The job is in `job/`, the words for the user in `args`, `table`, `exit`.

mod args;
mod exit;
mod interrupt;
mod job;
mod progress;
mod state;
mod table;
mod terminal;

use std::collections::HashSet;
use std::io;
use std::process::ExitCode;

use args::{Args, Command};
use exit::Exit;
use interrupt::Interrupt;
use job::book::Book;
use job::pipeline;
use job::plain;
use job::plan::{End, Finished, Plan};
use job::totals::Marks;
use progress::Progress;
use state::State;
use terminal::{complain, say};

fn main() -> ExitCode {
    let logs = std::env::var_os("RUST_LOG").is_some();
    if logs {
        env_logger::init();
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let exit = match args::parse(std::env::args_os().skip(1), cores) {
        Ok(Command::Scan(args)) => scan(&args, logs),
        Ok(Command::Help) => written(say(&args::help()), Exit::Complete),
        Err(error) => {
            complain(&format!("{error}\nscan: see --help"));
            Exit::Usage
        }
    };
    exit.into()
}

/// The whole job, from the checks to the exit code.
fn scan(args: &Args, logs: bool) -> Exit {
    if let Err(error) = job::walk::check(&args.dir) {
        complain(&format!("{}: {error}", args.dir.display()));
        return Exit::Directory;
    }
    let interrupt = match Interrupt::listen() {
        Ok(interrupt) => interrupt,
        Err(error) => {
            complain(&format!("cannot listen to Ctrl-C: {error}"));
            return Exit::Defect;
        }
    };
    let mut state = match State::open(args) {
        Ok(state) => state,
        Err(exit) => return exit,
    };
    terminal::hide_injected_panics();
    let plan = plan(args);
    let book = Book::new(state.take_results(), args.verify);
    let mut progress = Progress::new(logs);
    let finished = pipeline::run(plan.clone(), book, |status| {
        progress.show(status.counts, status.walked, status.restarts);
        interrupt.look()
    });
    progress.clear();
    match finished {
        Ok(finished) => conclude(args, &plan, &state, &interrupt, finished),
        Err(error) => {
            complain(&format!("the tree did not start: {error}"));
            Exit::Defect
        }
    }
}

/// Prints what the scan came to, keeps or removes the checkpoint, verifies.
fn conclude(
    args: &Args,
    plan: &Plan,
    state: &State,
    interrupt: &Interrupt,
    mut finished: Finished,
) -> Exit {
    let mut text = table::table(plan, &finished);
    let audit = finished.book.audit();
    let mut exit = match &finished.end {
        End::Complete => Exit::Complete,
        End::Interrupted => Exit::Interrupted,
        End::GaveUp(_) => Exit::GaveUp,
    };
    if let End::GaveUp(report) = &finished.end {
        text.push_str(&format!("{report}\n"));
        complain(&format!(
            "gave up: {}",
            report.lines().next().unwrap_or_default()
        ));
    }
    if exit != Exit::Complete {
        text.push_str(&format!("{}\n", table::not_done(&finished.book)));
    }
    text.push_str(&table::named(&finished.book));
    if audit.lost > 0 || audit.counted_twice > 0 {
        complain("the books do not balance: this is a defect of scan");
        exit = Exit::Defect;
    }
    if let Err(error) = state.close(&finished, exit) {
        complain(&format!("{}: {error}", state.file_name()));
        exit = Exit::Checkpoint;
    }
    let told = say(&text);
    if args.verify {
        exit = verify(args, exit, interrupt, &mut finished);
    }
    written(told, exit)
}

/// Reads everything again in one plain thread and compares.
fn verify(args: &Args, exit: Exit, interrupt: &Interrupt, finished: &mut Finished) -> Exit {
    if exit != Exit::Complete {
        complain("nothing is verified, for the scan is not complete");
        return exit;
    }
    let leave_out: HashSet<_> = finished.book.poisoned_paths().collect();
    let mut marks = Marks::new(finished.book.take_marks());
    let own = args.resume.as_deref();
    let look = || interrupt.look();
    let Some(found) = plain::verify(&args.dir, own, &leave_out, &mut marks, look) else {
        complain("interrupted before everything was verified");
        return Exit::Interrupted;
    };
    let ours = finished.book.totals();
    let told = say(&table::verdict(&found, ours, leave_out.len()));
    if found.totals == *ours {
        written(told, exit)
    } else {
        Exit::Different
    }
}

/// Being unable to say something changes the exit code of a scan that went well.
fn written(result: io::Result<()>, exit: Exit) -> Exit {
    match result {
        Err(error) if exit == Exit::Complete => {
            complain(&format!("standard output: {error}"));
            Exit::Output
        }
        _ => exit,
    }
}

fn plan(args: &Args) -> Plan {
    Plan {
        dir: args.dir.clone(),
        own: args.resume.clone(),
        workers: args.workers,
        chaos: args.chaos,
        restarts: args.restarts.map(|budget| (budget.max, budget.period)),
        max_abandoned: args.max_abandoned,
    }
}
