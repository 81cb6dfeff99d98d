//! Random specifications, valid and varied.

use std::time::Duration;

use crate::fault::UnitPath;
use crate::supervision::{
    AutoShutdown, ChildKind, ChildPolicy, Flavor, Intensity, OnHang, Restart, Shutdown, Strategy,
    SupervisorPolicy,
};
use crate::time::Backoff;

/// The names that children get.
pub(super) const IDS: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];

/// Makes specifications out of one stream of random numbers.
#[derive(Debug)]
pub(super) struct Specs {
    pub(super) rng: fastrand::Rng,
}

impl Specs {
    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.rng.usize(..from.len())]
    }

    /// True in so many of a hundred cases.
    pub(super) fn percent(&mut self, chance: u32) -> bool {
        self.rng.u32(..100) < chance
    }

    pub(super) fn supervisor(&mut self) -> SupervisorPolicy {
        let dynamic = self.percent(30);
        SupervisorPolicy {
            flavor: if dynamic {
                Flavor::Dynamic {
                    max_children: self.pick(&[None, Some(2), Some(4)]),
                }
            } else {
                Flavor::Static
            },
            strategy: if dynamic {
                Strategy::OneForOne
            } else {
                self.strategy()
            },
            intensity: self.intensity(),
            auto_shutdown: if dynamic {
                AutoShutdown::Never
            } else {
                self.pick(&[
                    AutoShutdown::Never,
                    AutoShutdown::AnySignificant,
                    AutoShutdown::AllSignificant,
                ])
            },
            max_abandoned: self.pick(&[0, 1, 8, 8, 8]),
            seed: self.rng.u64(..),
            ..SupervisorPolicy::new(UnitPath::new("top"))
        }
    }

    pub(super) fn strategy(&mut self) -> Strategy {
        self.pick(&[
            Strategy::OneForOne,
            Strategy::OneForAll,
            Strategy::RestForOne,
        ])
    }

    pub(super) fn intensity(&mut self) -> Intensity {
        let most = self.pick(&[0, 1, 3, 3, 6, 50, 50]);
        Intensity::new(most, Duration::from_secs(5))
    }

    pub(super) fn child(&mut self, id: &'static str, auto_shutdown: AutoShutdown) -> ChildPolicy {
        let kind = if self.percent(15) {
            ChildKind::Supervisor
        } else {
            ChildKind::Worker
        };
        let restart = self.pick(&[
            Restart::Permanent,
            Restart::Permanent,
            Restart::Transient,
            Restart::Temporary,
        ]);
        let may_signify = auto_shutdown != AutoShutdown::Never && restart != Restart::Permanent;
        ChildPolicy {
            kind,
            restart,
            shutdown: self.shutdown(),
            significant: may_signify && self.percent(50),
            start_deadline: self
                .pick(&[None, Some(1), Some(5)])
                .map(Duration::from_secs),
            backoff: self.backoff(),
            give_up_after: self.pick(&[None, None, Some(1), Some(100)]),
            stable_after: Duration::from_secs(self.pick(&[1, 30])),
            budget: self
                .percent(20)
                .then(|| Intensity::new(2, Duration::from_secs(10))),
            on_hang: self.pick(&[
                OnHang::Report,
                OnHang::StopThenAbandon,
                OnHang::StopThenAbandon,
                OnHang::Replace,
                OnHang::Escalate,
                OnHang::AbortProcess,
            ]),
            ..ChildPolicy::worker(id)
        }
    }

    fn shutdown(&mut self) -> Shutdown {
        match self.rng.u32(..10) {
            0 => Shutdown::Abandon,
            1 | 2 => Shutdown::Wait,
            3 | 4 => Shutdown::Deadline(Duration::from_secs(1)),
            _ => Shutdown::Deadline(Duration::from_secs(5)),
        }
    }

    fn backoff(&mut self) -> Backoff {
        match self.rng.u32(..3) {
            0 => Backoff::none(),
            1 => Backoff::constant(Duration::from_millis(700)),
            _ => Backoff::default(),
        }
    }
}
