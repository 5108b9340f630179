//! The engine: which calls are struck, by which rule, with what.

use std::collections::VecDeque;
use std::time::Duration;

use salve_core::{Moment, Name};

use crate::call::Call;
use crate::dice::Dice;
use crate::fault::{Fault, Kind};
use crate::rule::{Burst, Rule};

/// Decides for one arming. What it decides follows from the seed, the instance, and the calls it
/// was asked about, with their times.
///
/// # Invariants
/// 1. From `until` on nothing is struck.
/// 2. In no second, half open, and at no time in total are more calls struck than the caps say.
/// 3. A critical call is struck only by a rule that names its class.
/// 4. What one rule draws does not depend on which other rules there are.
#[derive(Clone, Debug)]
pub(crate) struct Injector {
    rules: Vec<Tracked>,
    /// The same in every process with this seed.
    tenants: Dice,
    caps: Caps,
    armed_at: Moment,
    until: Moment,
    capped: u64,
}

/// How much may be struck at most.
#[derive(Clone, Debug)]
pub(crate) struct Caps {
    per_second: usize,
    left: u64,
    /// The moments of the last strikes, as many as a second may have.
    recent: VecDeque<Moment>,
}

/// A rule with what it remembers of the calls it was about.
#[derive(Clone, Debug)]
struct Tracked {
    rule: Rule,
    dice: Dice,
    /// How many calls it was about.
    seen: u64,
    /// Whether it is in a run of strikes.
    in_burst: bool,
    /// The span of the quota, and how many calls came in it.
    span: (u64, u32),
}

/// What is done to a call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Strike {
    pub(crate) rule: Name,
    pub(crate) fault: Fault,
    /// Which of the calls that the rule was about, counted from 1.
    pub(crate) nth: u64,
    /// How long it waits, before the service or after it; endlessly where it hangs.
    pub(crate) wait: Duration,
}

/// What the engine is told about the arming.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'a> {
    pub(crate) seed: u64,
    pub(crate) instance: &'a str,
    pub(crate) per_second: u32,
    pub(crate) in_total: u64,
    pub(crate) armed_at: Moment,
    pub(crate) until: Moment,
}

/// Where a call stands when it is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Readiness,
    Call,
}

impl Injector {
    pub(crate) fn new(rules: &[Rule], terms: Terms<'_>) -> Self {
        let shared = Dice::new(terms.seed);
        let own = shared.of(terms.instance);
        Self {
            rules: rules.iter().map(|rule| Tracked::new(rule, own)).collect(),
            tenants: shared.of("tenants"),
            caps: Caps {
                per_second: terms.per_second as usize,
                left: terms.in_total,
                recent: VecDeque::new(),
            },
            armed_at: terms.armed_at,
            until: terms.until,
            capped: 0,
        }
    }

    /// Puts the end off, or brings it forward.
    pub(crate) const fn set_until(&mut self, until: Moment) {
        self.until = until;
    }

    /// How many strikes the caps have held back.
    pub(crate) const fn capped(&self) -> u64 {
        self.capped
    }

    /// Whether this tenant belongs to a share of all tenants, or this call of no tenant to a share
    /// of all calls.
    pub(crate) fn draw_group(&self, call: &Call<'_>, nth: u64) -> f64 {
        match call.tenant_text() {
            Some(tenant) => self.tenants.of("groups").of(tenant).unit(),
            None => self.tenants.of("groups").at(nth).unit(),
        }
    }

    /// What is done to this call; the first rule that strikes has it.
    pub(crate) fn decide(&mut self, call: &Call<'_>, step: Step, now: Moment) -> Option<Strike> {
        if now >= self.until {
            return None;
        }
        let since = now.since(self.armed_at);
        let tenants = self.tenants;
        let mut first = None;
        // All are asked, whichever strikes, so that none depends on the others.
        for rule in &mut self.rules {
            let fits = match rule.rule.fault.kind() {
                Kind::Unready => step == Step::Readiness,
                kind if kind == Kind::Clock || kind.is_held() => false,
                _ => step == Step::Call,
            };
            if fits && rule.rule.aim.takes(call, tenants) && rule.strikes(since) {
                first.get_or_insert(&*rule);
            }
        }
        let strike = first?.strike(since);
        if self.caps.allow(now) {
            return Some(strike);
        }
        self.capped += 1;
        None
    }

    /// What a clock shows that the first rule which now has it puts wrong, and the strike if that
    /// is new.
    pub(crate) fn skew(&mut self, now: Moment) -> Option<(Moment, Option<Strike>)> {
        if now >= self.until {
            return None;
        }
        let since = now.since(self.armed_at);
        for rule in &mut self.rules {
            let Fault::Clock(skew) = rule.rule.fault else { continue };
            let strength = rule.rule.schedule.strength(since);
            if strength == 0.0 {
                continue;
            }
            // Of all clocks, and not of all readings.
            let is_new = rule.is_drawn_now(&mut self.caps, &mut self.capped, now);
            if rule.in_burst {
                let began = self.armed_at.after(rule.rule.schedule.began(since));
                let strike = is_new.then(|| rule.strike(since));
                return Some((skew.shown(now, began, strength), strike));
            }
        }
        None
    }

    /// What is held from now on, of the kinds that `can` be held where this is asked.
    #[cfg(any(feature = "proxy", all(feature = "guard", target_os = "linux")))]
    pub(crate) fn holds(&mut self, can: impl Fn(Kind) -> bool, now: Moment) -> Vec<Strike> {
        let since = now.since(self.armed_at);
        let (caps, capped) = (&mut self.caps, &mut self.capped);
        let mut held = Vec::new();
        for rule in &mut self.rules {
            let kind = rule.rule.fault.kind();
            let begins = kind.is_held() && can(kind) && rule.is_drawn_now(caps, capped, now);
            if begins && rule.in_burst {
                held.push(rule.strike(since));
            }
        }
        held
    }
}

impl Caps {
    fn allow(&mut self, now: Moment) -> bool {
        let second = Duration::from_secs(1);
        while self.recent.front().is_some_and(|first| first.after(second) <= now) {
            self.recent.pop_front();
        }
        if self.left == 0 || self.recent.len() >= self.per_second {
            return false;
        }
        self.left -= 1;
        self.recent.push_back(now);
        true
    }
}

impl Tracked {
    fn new(rule: &Rule, own: Dice) -> Self {
        let dice = own.of(rule.name.as_str());
        Self { rule: rule.clone(), dice, seen: 0, in_burst: false, span: (0, 0) }
    }

    /// Draws whether the whole point is struck, where that has not been drawn yet: it then holds to
    /// the end. Returns whether it was drawn now.
    fn is_drawn_now(&mut self, caps: &mut Caps, capped: &mut u64, now: Moment) -> bool {
        if self.seen > 0 {
            return false;
        }
        self.seen = 1;
        let drawn = self.dice.at(0).at(STRIKES).unit() < self.rule.share.as_f64();
        self.in_burst = drawn && caps.allow(now);
        *capped += u64::from(drawn && !self.in_burst);
        true
    }

    /// Whether the next call that the rule is about is struck.
    fn strikes(&mut self, since: Duration) -> bool {
        let dice = self.dice.at(self.seen);
        self.seen += 1;
        let strength = self.rule.schedule.strength(since);
        let above = self.is_above_quota(since);
        if strength == 0.0 || !above {
            // A run ends with its schedule, so that the next begins as the first did.
            self.in_burst = false;
            return false;
        }
        let share = self.rule.share.as_f64() * strength;
        match self.rule.burst {
            None => dice.at(STRIKES).unit() < share,
            Some(burst) => {
                let chance = burst.chance(share, self.in_burst);
                self.in_burst = dice.at(STRIKES).unit() < chance;
                self.in_burst
            }
        }
    }

    fn is_above_quota(&mut self, since: Duration) -> bool {
        let Some(quota) = self.rule.quota else { return true };
        let span = (since.as_nanos() / quota.per.as_nanos().max(1)) as u64;
        if self.span.0 != span {
            self.span = (span, 0);
        }
        self.span.1 = self.span.1.saturating_add(1);
        self.span.1 > quota.calls
    }

    fn strike(&self, since: Duration) -> Strike {
        let dice = self.dice.at(self.seen - 1).at(LASTS);
        let wait = match self.rule.fault {
            Fault::Latency(latency) | Fault::Late(latency) => latency.roll(dice),
            Fault::Hang => Duration::MAX,
            Fault::Stall => self.rule.schedule.left(since).unwrap_or(Duration::MAX),
            _ => Duration::ZERO,
        };
        let (rule, fault) = (self.rule.name.clone(), self.rule.fault);
        Strike { rule, fault, nth: self.seen, wait }
    }
}

/// The questions within one call.
const STRIKES: u64 = 1;
const LASTS: u64 = 2;

impl Burst {
    /// The chance of a strike after one, or after none.
    fn chance(self, share: f64, in_burst: bool) -> f64 {
        let ends = 1.0 / self.mean_length;
        match (in_burst, share < 1.0) {
            (true, true) => 1.0 - ends,
            (false, true) => (share / (1.0 - share) * ends).min(1.0),
            (_, false) => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use salve_core::Ratio;

    use super::*;

    #[test]
    fn at_its_very_end_nothing_is_struck_unless_it_is_put_off() {
        let rules = [Rule::new("all", Fault::ERROR).with_share(Ratio::ONE)];
        let end = Moment::from_nanos(1_000);
        let (armed_at, in_total) = (Moment::ZERO, u64::MAX);
        let terms =
            Terms { seed: 0, instance: "", per_second: 1_000, in_total, armed_at, until: end };
        let mut engine = Injector::new(&rules, terms);
        let strikes = |engine: &mut Injector, now| {
            engine.decide(&Call::ANY, Step::Call, Moment::from_nanos(now)).is_some()
        };
        assert!(strikes(&mut engine, 999));
        assert!(!strikes(&mut engine, 1_000));
        engine.set_until(Moment::from_nanos(1_002));
        assert!(strikes(&mut engine, 1_001));
        assert!(!strikes(&mut engine, 1_002));
    }
}
