//! How to test a program that uses this library, with the feature `testkit`.
//!
//! # A system for each test
//!
//! [`System::for_test`] is private: no other test sees its units, names, events or time, so tests run side by side.
//! Where it ends, nothing may be left: a thread, a timer or an unread message fails the test, and so does a panic of
//! a worker of which nobody heard, so that an assertion there counts as one in the test itself.
//!
//! ```
//! use steadfast::{Child, System};
//!
//! let test = System::for_test();
//! let (words, inbox) = test.channel::<&str>(8);
//! let (lengths, results) = test.channel(8);
//! let measuring = Child::worker("measuring", move |ctx| {
//!     while let Some(word) = inbox.recv(ctx)? {
//!         lengths.send(word.len())?;
//!     }
//!     Ok(())
//! });
//! test.spawn(measuring)?;
//! words.send("hello")?;
//! assert_eq!(test.eventually(|| results.try_recv()), Some(5));
//! test.finish()?; // or let it be dropped: then it panics if anything is left
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # No sleeps
//!
//! A sleep is a guess of how long something takes: too short on a busy machine, too long on all others. There are four
//! ways to do without, the best first:
//!
//! * wait for *the* event: a [`Monitor`], a reply, [`UnitRef::up_after`], [`Recorder::wait_for`];
//! * turn the clock: [`TestSystem::advance`] moves the time of everything in the system, exactly;
//! * look until it is there: [`TestSystem::eventually`], which looks again at every event of the system;
//! * look until it is there, beside all systems: [`eventually`].
//!
//! All of them have a bound, and a wait in vain says what it waited for. Let what you look at return a `Result`, and the
//! message shows what the last look saw.
//!
//! ```
//! use std::time::Duration;
//! use steadfast::{Child, System, Waited};
//!
//! let test = System::for_test();
//! let (ticks, ticked) = test.channel(1);
//! test.spawn(Child::worker("hourly", move |ctx| {
//!     while ctx.wait(Duration::from_secs(3600)) == Waited::Elapsed {
//!         ticks.send("tick")?;
//!     }
//!     Ok(())
//! }))?;
//! test.manual().wait_for_sleepers(1); // it waits for its hour
//! test.advance(Duration::from_secs(3600));
//! assert_eq!(test.eventually(|| ticked.try_recv()), Some("tick"));
//! # Ok::<(), steadfast::StartError>(())
//! ```
//!
//! Events verify; they do not synchronise the program itself. A test may wait for one, the code under test must not.
//!
//! # Failures on purpose
//!
//! *At a place in the code under test*: pass a fault point there, and let the plan of the test decide. The plan has a
//! seed ([`seed`]): a run that failed prints it and is replayed by it.
//!
//! ```
//! use steadfast::testkit::{Fault, FaultPlan};
//! use steadfast::{Child, System};
//!
//! let test = System::for_test();
//! let faults = test.faults(FaultPlan::new(42).at("store", 2, Fault::Panic));
//! let (records, inbox) = test.channel::<u32>(8);
//! let at = faults.clone();
//! let storing = Child::worker("storing", move |ctx| {
//!     while let Some(_record) = inbox.recv(ctx)? {
//!         at.hit("store"); // the second record ends this run; the next run goes on with the third
//!         ctx.progress();
//!     }
//!     Ok(())
//! });
//! let storing = test.spawn(storing)?;
//! for record in 1..=3 {
//!     records.send(record)?;
//! }
//! test.eventually(|| faults.passages("store") == 3);
//! assert_eq!(storing.generation().get(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! *Without any code under test*: a [`Script`] is a child without a thread that starts, fails and hangs as it is told.
//!
//! *More often than production bears*: the budgets of a test system are those of production, so that the same crashes
//! have the same end. Where a test must crash a child many times, it names [`lenient_supervision`] for that supervisor.
//! A test that lets units fail for good says [`TestSystem::expect_failures`], or monitors them.
//!
//! # Under load, and for long
//!
//! Test the recovery *while* clients call: each call has a deadline, so none may hang; each outcome is counted, and in
//! the end the counters of both sides must agree. [`ChannelStats`] has the channel's.
//!
//! Look for leaks by [`LinearGrowth`], in a test binary of their own: it compares threads, descriptors, and whatever
//! else can be counted, after N and 4 N cycles more, without a tolerance. Plant a leak once, to see that it is found.

#[cfg(doc)]
use crate::{
    supervision::{Monitor, UnitRef, channel::ChannelStats},
    system::System,
    telemetry::Recorder,
    testkit::{LinearGrowth, Script, TestSystem, eventually, lenient_supervision, seed},
};
