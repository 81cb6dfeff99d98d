//! A map as it is described before it starts: an inert value.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::exchange::{Exchange, OnTimeout, Plan};
use super::lane::LaneErrand;
use super::map_stream::MapStream;
use super::window::Order;
use crate::fault::Failure;
use crate::supervision::task::errand::Errand;
use crate::supervision::task::spawn_error::SpawnRefusal;
use crate::supervision::task::task_supervisor_ref::TaskSupervisorRef;
use crate::supervision::unit::current::refuses;
use crate::supervision::{DEFAULT_CALL, SpecError, WorkerContext};
use crate::sync::cores;

/// A map over items that has not begun; made by [`TaskSupervisorRef::map`].
#[must_use = "a map does nothing until it is started"]
pub struct Map<I, F> {
    tasks: TaskSupervisorRef,
    source: I,
    work: F,
    concurrency: usize,
    buffer: Option<usize>,
    order: Order,
    timeout: Duration,
    on_timeout: OnTimeout,
    patience: Duration,
}

impl TaskSupervisorRef {
    /// Applies a function to all items, several at a time, on tasks of this supervisor (Elixir's
    /// `Task.async_stream_nolink`). The results come in the order of the items.
    ///
    /// Nothing is pulled from `items` before a result is asked for, and never more than the
    /// [buffer](Map::buffer) ahead of what was taken. The function is given the item by reference: so a failure can
    /// bring its item along, whatever the thread still does with it. One item harms no other, nor the caller: a
    /// panic, an error, or one that takes [too long](Map::timeout) is a result like all others.
    ///
    /// Each of the [`max_concurrency`](Map::max_concurrency) lanes is a task, with one slot of the supervisor for as
    /// long as it has items; between two items it gives the slot up if somebody waits for one. In the
    /// [statistics](TaskSupervisorRef::stats) each item that was begun counts as a task.
    ///
    /// # Examples
    ///
    /// ```
    /// use steadfast::{System, TaskSupervisor};
    ///
    /// let system = System::new("demo")?;
    /// let tasks = system.spawn(TaskSupervisor::new("tasks"))?;
    /// let lengths = tasks.map(["one", "three"], |word, _| Ok(word.len())).start()?;
    /// assert_eq!(lengths.collect::<Result<Vec<_>, _>>()?, [3, 5]);
    ///
    /// let halves = tasks.map(1..=4_u32, |n, _| match n % 2 {
    ///     0 => Ok(n / 2),
    ///     _ => Err("odd".into()),
    /// });
    /// let odd: Vec<u32> = halves.start()?.filter_map(Result::err).map(|odd| *odd.input()).collect();
    /// assert_eq!(odd, [1, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn map<I, R, F>(&self, items: I, work: F) -> Map<I::IntoIter, F>
    where
        I: IntoIterator,
        I::Item: Send + Sync + 'static,
        R: Send + 'static,
        F: Fn(&I::Item, &WorkerContext) -> Result<R, Failure> + Send + Sync + 'static,
    {
        let own = self.options().run_timeout();
        Map {
            tasks: self.clone(),
            source: items.into_iter(),
            work,
            concurrency: cores(),
            buffer: None,
            order: Order::OfInputs,
            timeout: if own == Duration::MAX {
                DEFAULT_CALL
            } else {
                own
            },
            on_timeout: OnTimeout::default(),
            patience: DEFAULT_CALL,
        }
    }
}

impl<I, F> Map<I, F> {
    /// On how many items to work at a time: at most as many as the supervisor may run tasks, and fewer while it has
    /// fewer slots to give. Default: the number of cores.
    pub fn max_concurrency(mut self, items: usize) -> Self {
        self.concurrency = items;
        self
    }

    /// How many items beyond those in work may be pulled and not yet taken: those that wait, and results that wait
    /// for their turn. A first item that takes long lets no more than these pile up. Default: four for each that may
    /// be in work at a time, and up to 1024 in all while items take only microseconds.
    pub fn buffer(mut self, items: usize) -> Self {
        self.buffer = Some(items);
        self
    }

    /// Results come as they are done. Default: in the order of the items.
    pub fn unordered(mut self) -> Self {
        self.order = Order::OfEnds;
        self
    }

    /// How long one item may take, from the moment at which the function is called with it; not how long its result
    /// may be waited for. `Duration::MAX` for any time. On time it comes as a failure; its task is asked to stop, and
    /// keeps its slot until its thread is through with the item or was abandoned. Default: that of the
    /// [tasks](crate::supervision::TaskOptions::timeout), or 5 s if they have none.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// What becomes of the other items when one takes too long. Default: [`OnTimeout::Emit`], they go on.
    pub fn on_timeout(mut self, then: OnTimeout) -> Self {
        self.on_timeout = then;
        self
    }

    /// How long the map waits for a slot of the supervisor while it has none. Then it ends: what has not begun comes
    /// as a failure. Default: 5 s.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Makes the stream of results. Nothing is pulled and nothing runs until it is asked for one.
    ///
    /// # Errors
    /// [`SpawnRefusal`]: the supervisor does not run, or what was asked for makes no sense, with all that is wrong.
    /// The source is gone then; pass `source.by_ref()` to keep it.
    pub fn start<R>(self) -> Result<MapStream<I, R>, SpawnRefusal>
    where
        I: Iterator,
        I::Item: Send + Sync + 'static,
        R: Send + 'static,
        F: Fn(&I::Item, &WorkerContext) -> Result<R, Failure> + Send + Sync + 'static,
    {
        let exchange = self.open().map_err(|refusal| self.tasks.refused(refusal))?;
        let work = Arc::new(self.work);
        let errand = Box::new(move |exchange: &_, lane: &_| {
            Arc::new(LaneErrand::new(exchange, lane, &work)) as Arc<dyn Errand>
        });
        Ok(MapStream::new(
            self.tasks,
            self.source,
            exchange,
            errand,
            self.buffer,
        ))
    }

    fn open<T, R>(&self) -> Result<Arc<Exchange<T, R>>, SpawnRefusal>
    where
        T: Send + Sync + 'static,
        R: Send + 'static,
    {
        if refuses("map") {
            return Err(SpawnRefusal::Fenced);
        }
        let errors = self.errors();
        if !errors.is_empty() {
            return Err(SpawnRefusal::Invalid(errors));
        }
        let cell = self.tasks.supervisor().cell();
        let cell = cell.ok_or(SpawnRefusal::NotRunning)?;
        if cell.is_ending() {
            return Err(SpawnRefusal::Stopping);
        }
        let exchange = Arc::new(Exchange::new(self.plan(), &cell, self.tasks.gate()));
        let lender = Arc::downgrade(&exchange);
        self.tasks.gate().enlist(lender as _);
        Ok(exchange)
    }

    fn plan(&self) -> Plan {
        Plan {
            order: self.order,
            lanes: self.concurrency.min(self.tasks.stats().max_tasks),
            timeout: (self.timeout != Duration::MAX).then_some(self.timeout),
            on_timeout: self.on_timeout,
            patience: self.patience,
        }
    }

    /// All that is wrong with it.
    fn errors(&self) -> Vec<SpecError> {
        let mut errors = self.tasks.options().errors();
        if self.concurrency == 0 {
            errors.push(SpecError::ZeroConcurrency);
        }
        if self.timeout.is_zero() {
            errors.push(SpecError::ZeroTimeout(self.tasks.id().clone()));
        }
        errors
    }
}

impl<I, F> fmt::Debug for Map<I, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map")
            .field("tasks", self.tasks.id())
            .field("max_concurrency", &self.concurrency)
            .field("buffer", &self.buffer)
            .field("timeout", &self.timeout)
            .field("on_timeout", &self.on_timeout)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}
