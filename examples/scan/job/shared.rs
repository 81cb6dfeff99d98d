//! What the stages of the pipeline share, and who may do what with it.

use std::sync::Arc;

use parking_lot::Mutex;
use steadfast::channel::{self, Receiver, Sender};

use super::book::{Book, Outcome};
use super::plan::{CAPACITY, Plan, Tally};
use super::slots::{Job, Slots};

/// What an attempt at a file brings to the aggregator.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) job: Job,
    pub(crate) outcome: Outcome,
}

/// What the stages share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) plan: Plan,
    pub(crate) book: Mutex<Book>,
    pub(crate) tally: Tally,
    pub(crate) slots: Slots,
    pub(crate) jobs: (Sender<Job>, Receiver<Job>),
    pub(crate) results: (Sender<Delivery>, Receiver<Delivery>),
    /// Files that were in the hand of a thread when it lost its slot: somebody else has to read them.
    stranded: Mutex<Vec<Job>>,
    /// Said once: every file is settled.
    complete: flume::Sender<()>,
}

impl Shared {
    /// The shared state, and what tells that every file is settled.
    pub(crate) fn new(plan: Plan, book: Book) -> (Arc<Self>, flume::Receiver<()>) {
        let (complete, completed) = flume::bounded(1);
        let shared = Shared {
            slots: Slots::new(plan.workers),
            plan,
            book: Mutex::new(book),
            tally: Tally::default(),
            jobs: channel::bounded(CAPACITY),
            results: channel::bounded(CAPACITY),
            stranded: Mutex::default(),
            complete,
        };
        (Arc::new(shared), completed)
    }

    /// Enters what an attempt brought. What the ledger refuses is counted there and does no harm.
    pub(crate) fn enter(&self, delivery: &Delivery) {
        let Delivery { job, outcome } = delivery;
        self.settling(|book| {
            let _counted_or_refused = book.deliver(job.id, job.attempt, &job.entry, outcome);
        });
    }

    /// Changes the books in a way that may settle the last file.
    pub(crate) fn settling(&self, change: impl FnOnce(&mut Book)) {
        let mut book = self.book.lock();
        change(&mut book);
        let complete = book.is_complete();
        drop(book);
        if complete {
            // Full: it has been said.
            let _ = self.complete.try_send(());
        }
    }

    /// Keeps a file that its thread may not read any more.
    pub(crate) fn strand(&self, job: Job) {
        self.stranded.lock().push(job);
    }

    /// Sends stranded files back into the pipeline, as far as there is room.
    pub(crate) fn send_stranded(&self) {
        let mut stranded = self.stranded.lock();
        while let Some(job) = stranded.pop() {
            if let Err(refused) = self.jobs.0.try_send(job) {
                stranded.push(refused.into_inner());
                return;
            }
        }
    }

    /// The scan is over: whatever lies anywhere is entered or left, and the hanging are let go.
    pub(crate) fn close(&self) {
        while let Ok(Some(delivery)) = self.results.1.try_recv() {
            self.enter(&delivery);
        }
        let in_hand = self.slots.close();
        let mut book = self.book.lock();
        while let Ok(Some(job)) = self.jobs.1.try_recv() {
            book.leave(job.id);
        }
        let stranded = std::mem::take(&mut *self.stranded.lock());
        for job in in_hand.iter().chain(&stranded) {
            book.leave(job.id);
        }
    }
}
