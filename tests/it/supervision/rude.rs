//! What units leave behind is dropped where it can hurt nobody.

use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use steadfast::time::Backoff;
use steadfast::{Child, Failure, Intensity, Restart, System};

use crate::support::{FAR, LONG, SECOND, config, eventually, idler, system};

/// Panics when it is dropped.
#[derive(Debug)]
struct Rude;

impl Drop for Rude {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "a rude drop");
    }
}

impl fmt::Display for Rude {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rude")
    }
}

impl std::error::Error for Rude {}

// decision 4
#[test]
fn a_hook_that_is_kept_beyond_its_run_is_dropped_without_harm() {
    let system = system();
    for number in 0..10 {
        let child = Child::worker(format!("w{number}"), |ctx| {
            let rude = Rude;
            ctx.on_stop(move || drop(rude)).keep();
            Ok(())
        });
        let worker = system
            .spawn(child.restart(Restart::Temporary))
            .expect("started");
        assert!(worker.ended_timeout(LONG).is_some());
    }
    system.spawn(idler("after")).expect("the system lives");
    assert!(system.stop_within(LONG).is_complete());
}

// decision 4
#[test]
fn an_error_whose_drop_panics_hurts_nobody() {
    let intensity = Intensity::new(20, SECOND * 1000);
    let system = System::with(config().intensity(intensity)).expect("a system");
    let runs = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&runs);
    let child = Child::worker("w", move |ctx| {
        // Relaxed: a number that is looked at again.
        if seen.fetch_add(1, Ordering::Relaxed) < 10 {
            return Err(Failure::from(Rude));
        }
        let _ = ctx.wait(FAR);
        Ok(())
    });
    let child = child.backoff(Backoff::none());
    system.spawn(child).expect("started");
    // Relaxed: as above.
    eventually("all runs", || runs.load(Ordering::Relaxed) > 10);
    assert!(system.stop_within(LONG).is_complete());
}

#[test]
fn a_refused_child_whose_drop_panics_hurts_only_who_offered_it() {
    let system = system();
    system.spawn(idler("w")).expect("started");
    let handle = system.handle();
    let offer = move || {
        let rude = Rude;
        let child = Child::worker("w", move |_| {
            let _held = &rude;
            Ok(())
        });
        let _refused = handle.spawn(child);
    };
    let panicked = std::thread::scope(|scope| scope.spawn(offer).join().is_err());
    assert!(panicked, "it is the caller's");
    system.spawn(idler("after")).expect("the supervisor lives");
    assert!(system.stop_within(LONG).is_clean());
}

#[test]
fn a_system_may_live_in_a_thread_local() {
    thread_local!(static OWN: RefCell<Option<System>> = const { RefCell::new(None) });
    let over = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&over);
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            OWN.with_borrow_mut(|own| {
                let system = system();
                let child = Child::worker("w", move |ctx| {
                    let _ = ctx.wait(FAR);
                    // Relaxed: read after the join.
                    seen.fetch_add(1, Ordering::Relaxed);
                    Ok(())
                });
                system.spawn(child).expect("started");
                *own = Some(system);
            });
        });
        thread.join().expect("no panic");
    });
    // Relaxed: as above.
    assert_eq!(over.load(Ordering::Relaxed), 1);
}

// decision 15
#[test]
fn a_unit_that_is_stopped_ends_the_system_that_it_owns() {
    let inner = Arc::new(Mutex::new(None));
    let own = Arc::clone(&inner);
    let outer = system();
    let child = Child::worker("outer", move |ctx| {
        let nested = system();
        nested.spawn(idler("inner"))?;
        let handle = nested.handle();
        *own.lock().expect("no panic") = Some(handle.clone());
        let _ = ctx.wait(FAR);
        drop(nested);
        handle
            .wait_timeout(Duration::ZERO)
            .map(drop)
            .ok_or_else(|| "dropped, and not ended".into())
    });
    outer.spawn(child).expect("started");
    eventually("begun", || inner.lock().expect("no panic").is_some());
    let report = outer.stop_within(LONG);
    assert!(report.is_clean() && report.remarks.is_empty(), "{report}");
}
