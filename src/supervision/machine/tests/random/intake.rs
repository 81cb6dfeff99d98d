//! What the naive model learns from an event, before the machine has seen it.

use std::time::Instant;

use super::model::{Kid, Model, Run};
use super::rules::{self, MustEnd};
use crate::fault::Generation;
use crate::supervision::machine::{CallId, Event, Key, Request, Target};
use crate::supervision::{OnHang, Restart};

impl Model {
    /// What an event means before the machine has seen it.
    pub(super) fn before(&mut self, event: &Event, next_key: Key, now: Instant) {
        match event {
            Event::Begin => self.begun |= self.ending.is_none(),
            Event::Stop { deadline, .. } => {
                if let Some(ending) = &mut self.ending {
                    ending.deadline = rules::earliest(ending.deadline, *deadline);
                }
            }
            Event::Progress { key, generation } => {
                if let Some(kid) = self.current(*key, *generation)
                    && kid.run.as_ref().is_some_and(Run::is_up)
                {
                    kid.streak = 0;
                }
            }
            Event::Hung {
                key, generation, ..
            } => self.before_hang(*key, *generation, now),
            Event::AbandonedReturned { key, generation } => self.returned(*key, *generation),
            Event::Ended {
                key, generation, ..
            } if self.current(*key, *generation).is_none() => self.returned(*key, *generation),
            Event::Call { call, request } => {
                self.calls.push(*call);
                if self.ending.is_none() {
                    self.before_call(*call, request, next_key);
                }
            }
            _ => {}
        }
    }

    fn returned(&mut self, key: Key, generation: Generation) {
        self.abandoned.retain(|gone| *gone != (key, generation));
    }

    fn current(&mut self, key: Key, generation: Generation) -> Option<&mut Kid> {
        let at = self.at(key)?;
        let kid = &mut self.kids[at];
        let run = kid.run.as_ref()?;
        (run.generation == generation).then_some(kid)
    }

    /// A hang is charged before anything is done about it.
    fn before_hang(&mut self, key: Key, generation: Generation, now: Instant) {
        if !self.is_working() {
            return;
        }
        let Some(kid) = self.current(key, generation) else {
            return;
        };
        let Some(run) = kid.run.as_ref().filter(|run| run.is_up() && !run.doomed) else {
            return;
        };
        let (run, policy) = (run.clone(), kid.policy.clone());
        let Some(at) = self.at(key) else { return };
        let stops = policy.on_hang == OnHang::StopThenAbandon
            || (policy.on_hang == OnHang::Replace && rules::is_supervisor(&policy));
        if policy.on_hang == OnHang::Escalate {
            self.must_end = Some(MustEnd::Hang);
        } else if stops {
            self.settle(at, &run, now);
            if policy.restart == Restart::Temporary {
                self.kids[at].wanted = false;
                self.finally(at);
            } else {
                self.charge(at, now);
            }
        }
    }

    fn before_call(&mut self, call: CallId, request: &Request, next_key: Key) {
        match request {
            Request::StartChild {
                policy,
                last_generation,
            } => {
                if self.kids.iter().all(|kid| kid.policy.id != policy.id) {
                    let mut kid = Kid::new(next_key, policy.clone(), *last_generation);
                    kid.opening = Some((call, true));
                    self.kids.push(kid);
                }
            }
            Request::Terminate(target) => self.not_wanted(target, None),
            Request::StopBy(stop) => self.not_wanted(&stop.target, stop.deadline),
            Request::Restart(target) => {
                if let Some(at) = self.target(target) {
                    let kid = &mut self.kids[at];
                    let down = kid.run.is_none() && !kid.wanted;
                    if down && kid.policy.restart != Restart::Temporary {
                        kid.wanted = true;
                        kid.streak = 0;
                        kid.opening = Some((call, false));
                    }
                }
            }
            Request::Delete(_) | Request::Update(_) | Request::Retune(_) => {}
        }
    }

    fn not_wanted(&mut self, target: &Target, deadline: Option<Instant>) {
        let Some(at) = self.target(target) else {
            return;
        };
        let kid = &mut self.kids[at];
        kid.wanted = false;
        kid.not_before = None;
        kid.member &= kid.run.is_some();
        if let Some(run) = &mut kid.run {
            run.stop_by = rules::earliest(run.stop_by, deadline);
        }
    }

    /// A live change was accepted.
    pub(super) fn changed(&mut self, request: &Request) {
        match request {
            Request::Update(policy) => {
                for kid in &mut self.kids {
                    if kid.policy.id == policy.id {
                        kid.policy = policy.clone();
                    }
                }
            }
            Request::Retune(retune) => {
                let policy = &mut self.policy;
                self.order_is_open |= retune.strategy.is_some();
                policy.strategy = retune.strategy.unwrap_or(policy.strategy);
                policy.intensity = retune.intensity.unwrap_or(policy.intensity);
                policy.max_abandoned = retune.max_abandoned.unwrap_or(policy.max_abandoned);
                policy.auto_shutdown = retune.auto_shutdown.unwrap_or(policy.auto_shutdown);
            }
            _ => {}
        }
    }
}
