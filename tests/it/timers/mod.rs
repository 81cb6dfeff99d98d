//! Timers of runs and of the system.

mod firing;
mod handles;
mod jobs;
mod losses;
mod owners;
mod storm;

use std::time::Duration;

use steadfast::channel::{self, Receiver};
use steadfast::timer::Timers;

use crate::support::LONG;

/// The next value, which has to come.
#[track_caller]
fn next<T>(inbox: &Receiver<T>) -> T {
    inbox.recv_timeout(LONG).expect("in time").expect("open")
}

/// Comes back when everything has fired that is due: what is due now and was armed last is the last to fire.
#[track_caller]
fn settle(timers: &Timers) {
    let (done, is_done) = channel::bounded(1);
    let last = timers.after(Duration::ZERO).send(&done, ());
    last.expect("armed");
    next(&is_done);
}
