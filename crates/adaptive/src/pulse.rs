//! Whether one part of a dependency is alive, and how it is let back in when it comes to life.

use std::time::Duration;

use salve_core::Moment;

use crate::suspicion::Suspicion;

/// The state of one part: all of it, a scope, or a replica.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pulse {
    suspicion: Suspicion,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum State {
    #[default]
    Alive,
    Dead {
        since: Moment,
        next_probe: Moment,
        /// Calls that have come since.
        wanted: u32,
    },
    /// It has answered again, and gets more by and by.
    Waking { since: Moment },
}

/// What a pulse says of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Go,
    /// It is held to be dead, and this call finds out.
    Probe,
    /// Not now.
    Wait,
}

/// How often the dead are asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probing {
    pub(crate) shortest: Duration,
    pub(crate) longest: Duration,
}

impl Probing {
    /// How often callers ask who wait for so long.
    pub(crate) fn within(patience: Duration) -> Self {
        Self { shortest: patience.mul_f64(0.02), longest: patience }
    }

    /// The wait after a probe, for something that has been dead for so long and was `wanted` so
    /// often.
    ///
    /// Waiting for `w` finds life `w / 2` late on average, which costs the calls that come
    /// meanwhile; until then each probe may be for nothing. Of what is lost, the sum of both is
    /// least where `w` is the root of the time it was dead over the rate of calls.
    fn wait(&self, dead_for: Duration, wanted: u32) -> Duration {
        let dead_for = dead_for.as_secs_f64();
        let rate = f64::from(wanted.max(1)) / dead_for.max(0.01);
        let wait = (dead_for / (Self::WORTH * rate)).sqrt();
        Duration::from_secs_f64(wait).clamp(self.shortest, self.longest)
    }

    /// How many probes for nothing weigh as much as one call that is lost.
    const WORTH: f64 = 2.0;
}

/// The share of calls that is let in again at first.
const FIRST_SHARE: f64 = 0.2;
/// After which it doubles.
const DOUBLES_IN: Duration = Duration::from_millis(25);

/// The share that is let in by what has been awake for so long.
fn share(since: Moment, now: Moment) -> f64 {
    let doublings = now.since(since).as_secs_f64() / DOUBLES_IN.as_secs_f64();
    FIRST_SHARE * doublings.exp2()
}

impl Pulse {
    pub(crate) const fn is_dead(&self) -> bool {
        matches!(self.state, State::Dead { .. })
    }

    /// Whether nothing at all speaks against it.
    pub(crate) fn is_beyond_doubt(&self) -> bool {
        self.state == State::Alive && self.suspicion == Suspicion::default()
    }

    /// The share of calls that is let in; `None` if it is dead.
    #[cfg(feature = "balance")]
    pub(crate) fn share(&self, now: Moment) -> Option<f64> {
        match self.state {
            State::Alive => Some(1.0),
            State::Dead { .. } => None,
            State::Waking { since } => Some(share(since, now).min(1.0)),
        }
    }

    /// When those who wait for it should ask again.
    pub(crate) fn next_look(&self, now: Moment) -> Moment {
        match self.state {
            State::Alive => now,
            State::Dead { next_probe, .. } => next_probe.max(now),
            State::Waking { .. } => now.after(DOUBLES_IN / 5),
        }
    }

    /// A call has come that needs it.
    pub(crate) const fn want(&mut self) {
        if let State::Dead { wanted, .. } = &mut self.state {
            *wanted = wanted.saturating_add(1);
        }
    }

    /// Asks for a call; a probe is counted as sent.
    pub(crate) fn ask(
        &mut self,
        probing: &Probing,
        now: Moment,
        rng: &mut fastrand::Rng,
    ) -> Verdict {
        match self.state {
            State::Alive => Verdict::Go,
            State::Dead { since, next_probe, wanted } => {
                if now < next_probe {
                    return Verdict::Wait;
                }
                let wait = probing.wait(now.since(since), wanted).mul_f64(0.75 + 0.5 * rng.f64());
                self.state = State::Dead { since, next_probe: now.after(wait), wanted };
                Verdict::Probe
            }
            State::Waking { since } => {
                let share = share(since, now);
                if share >= 1.0 {
                    self.state = State::Alive;
                    return Verdict::Go;
                }
                if rng.f64() < share { Verdict::Go } else { Verdict::Wait }
            }
        }
    }

    /// Notes a result.
    pub(crate) fn note(&mut self, failed: bool, certainty: f64, now: Moment) -> Change {
        match self.state {
            State::Dead { .. } if failed => Change::None,
            State::Dead { .. } => {
                self.suspicion.clear();
                self.state = State::Waking { since: now };
                Change::Woke
            }
            State::Alive | State::Waking { .. } => {
                self.suspicion.note(failed);
                if !self.suspicion.reaches(certainty) {
                    return Change::None;
                }
                self.state = State::Dead { since: now, next_probe: now, wanted: 0 };
                Change::Died
            }
        }
    }

    /// Asks soon again, since others of its kind have come to life.
    pub(crate) fn probe_now(&mut self, now: Moment) {
        if let State::Dead { next_probe, .. } = &mut self.state {
            *next_probe = (*next_probe).min(now);
        }
    }
}

/// What a result changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    Died,
    Woke,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROBING: Probing =
        Probing { shortest: Duration::from_millis(20), longest: Duration::from_secs(1) };

    fn dead(now: Moment) -> Pulse {
        let mut pulse = Pulse::default();
        let died = (0..15).map(|_| pulse.note(true, Suspicion::CERTAIN, now)).last();
        assert_eq!(died, Some(Change::Died));
        pulse
    }

    #[test]
    fn the_dead_get_one_probe_at_a_time_less_often_the_longer_they_are_dead() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut pulse = dead(Moment::ZERO);
        let mut probes = Vec::new();
        for millis in 0..60_000 {
            let now = Moment::from_nanos(millis * 1_000_000);
            pulse.want();
            if pulse.ask(&PROBING, now, &mut rng) == Verdict::Probe {
                probes.push(millis);
                assert_eq!(pulse.ask(&PROBING, now, &mut rng), Verdict::Wait);
                assert!(pulse.next_look(now) > now);
            }
        }
        let in_second = |second| probes.iter().filter(|&&at| at / 1_000 == second).count();
        assert!((5..=50).contains(&in_second(0)), "{}", in_second(0));
        assert!(in_second(59) < in_second(0) && in_second(59) >= 1);
    }

    #[test]
    fn one_success_lets_some_in_and_soon_all() {
        let mut rng = fastrand::Rng::with_seed(2);
        let mut pulse = dead(Moment::ZERO);
        assert_eq!(pulse.note(false, Suspicion::CERTAIN, Moment::ZERO), Change::Woke);
        let mut admitted = |pulse: &Pulse, millis: u64| {
            let now = Moment::from_nanos(millis * 1_000_000);
            let asks = |rng: &mut _| pulse.clone().ask(&PROBING, now, rng) == Verdict::Go;
            (0..1_000).filter(|_| asks(&mut rng)).count()
        };
        assert!((150..250).contains(&admitted(&pulse, 0)));
        assert!((330..470).contains(&admitted(&pulse, 25)));
        assert_eq!(admitted(&pulse, 60), 1_000);
        assert!(!pulse.is_dead() && !pulse.is_beyond_doubt());
        pulse.ask(&PROBING, Moment::from_nanos(60_000_000), &mut rng);
        assert!(pulse.is_beyond_doubt());
    }
}
