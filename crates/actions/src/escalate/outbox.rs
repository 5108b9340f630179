//! What is still to be told over one channel, and what was: one message until something changes.

use indexmap::IndexMap;

use super::alert::{Alert, Stage};

/// What has become of messages. Each that was taken in is in one of these, waits, or is being sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Told.
    pub sent: u64,
    /// Not told, because nothing has changed since the last time.
    pub known: u64,
    /// Not told, because a newer one of the same matter came before its turn.
    pub replaced: u64,
    /// Lost, because too many waited.
    pub dropped: u64,
    /// Lost, because the channel did not take them.
    pub failed: u64,
}

/// The messages of one channel.
///
/// # Invariants
/// 1. Two messages in a row that were told of one matter do not say the same.
/// 2. What is resolved is told only where it was told that it was raised.
/// 3. A message that was lost is not taken for told: the same again is told.
/// 4. At most `most_waiting` messages wait, the graver ones longer; at most `most_told` matters are
///    remembered.
#[derive(Debug)]
pub(super) struct Outbox {
    /// At most one of each matter.
    waiting: Vec<Alert>,
    sending: Option<Alert>,
    /// What was last told of each matter that is not resolved, the oldest first.
    told: IndexMap<String, Alert>,
    most_waiting: usize,
    most_told: usize,
    counts: Counts,
}

impl Outbox {
    pub(super) fn new(most_waiting: usize, most_told: usize) -> Self {
        Self {
            waiting: Vec::new(),
            sending: None,
            told: IndexMap::new(),
            most_waiting,
            most_told,
            counts: Counts::default(),
        }
    }

    pub(super) const fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether nothing waits or is being sent.
    pub(super) const fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.sending.is_none()
    }

    /// Whether anything was told of this matter, or is about to be.
    pub(super) fn knows(&self, key: &str) -> bool {
        let about = self.waiting.iter().chain(&self.sending);
        self.told.contains_key(key) || about.into_iter().any(|it| it.key == key)
    }

    /// Takes a message in.
    pub(super) fn push(&mut self, alert: Alert) {
        if let Some(older) = self.waiting.iter_mut().find(|it| it.key == alert.key) {
            *older = alert;
            self.counts.replaced += 1;
            return;
        }
        // What comes of the one that is being sent is not known yet.
        let open = self.sending.as_ref().is_some_and(|it| it.key == alert.key);
        if !open && !self.is_news(&alert) {
            self.counts.known += 1;
            return;
        }
        self.waiting.push(alert);
        if self.waiting.len() > self.most_waiting {
            self.counts.dropped += 1;
            // Of the least grave the last.
            let least = self.waiting.iter().map(|it| it.severity).min();
            let least = self.waiting.iter().rposition(|it| Some(it.severity) == least);
            least.map(|at| self.waiting.remove(at));
        }
    }

    fn is_news(&self, alert: &Alert) -> bool {
        match self.told.get(&alert.key) {
            Some(told) => !told.says_the_same(alert),
            None => alert.stage == Stage::Raised,
        }
    }

    /// The message to send now: of the gravest the oldest. It is to be [settled](Self::settle).
    pub(super) fn next(&mut self) -> Option<Alert> {
        loop {
            let gravest = self.waiting.iter().map(|it| it.severity).max()?;
            let at = self.waiting.iter().position(|it| it.severity == gravest)?;
            let alert = self.waiting.remove(at);
            if self.is_news(&alert) {
                self.sending = Some(alert.clone());
                return Some(alert);
            }
            self.counts.known += 1;
        }
    }

    /// Says whether the message that was being sent was told.
    pub(super) fn settle(&mut self, sent: bool) {
        let Some(alert) = self.sending.take() else { return };
        if sent {
            self.counts.sent += 1;
            self.remember(alert);
        } else {
            self.counts.failed += 1;
        }
    }

    /// Takes a message for told.
    pub(super) fn remember(&mut self, alert: Alert) {
        self.told.shift_remove(&alert.key);
        if alert.stage != Stage::Resolved {
            self.told.insert(alert.key.clone(), alert);
        }
        if self.told.len() > self.most_told {
            self.told.shift_remove_index(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use salve_healer::Severity;

    use super::*;

    fn alert(key: u8, stage: Stage, severity: Severity) -> Alert {
        Alert { key: key.to_string(), stage, severity, ..Alert::default() }
    }

    #[test]
    fn the_same_is_told_once_and_again_when_it_was_lost() {
        let mut outbox = Outbox::new(8, 8);
        let raised = alert(1, Stage::Raised, Severity::High);
        outbox.push(raised.clone());
        outbox.next().unwrap();
        outbox.push(raised.clone());
        outbox.settle(false);
        assert_eq!(outbox.next(), Some(raised.clone()), "it came again while the first was lost");
        outbox.settle(true);
        outbox.push(raised.clone());
        assert_eq!(outbox.next(), None);
        outbox.push(alert(1, Stage::Raised, Severity::Critical));
        assert!(outbox.next().is_some(), "it is graver now");
        outbox.settle(true);
        outbox.push(raised.clone().resolved());
        outbox.next().unwrap();
        outbox.settle(true);
        outbox.push(raised.clone().resolved());
        assert_eq!(outbox.next(), None);
        outbox.push(raised.clone());
        assert_eq!(outbox.next(), Some(raised), "it is back");
        let counts = Counts { sent: 3, known: 2, failed: 1, ..Counts::default() };
        assert_eq!(outbox.counts(), counts);
    }

    #[test]
    fn what_was_never_raised_is_not_resolved() {
        let mut outbox = Outbox::new(8, 8);
        outbox.push(alert(1, Stage::Resolved, Severity::High));
        outbox.push(alert(2, Stage::Raised, Severity::High));
        outbox.push(alert(2, Stage::Resolved, Severity::High));
        assert_eq!((outbox.next(), outbox.is_idle()), (None, true));
        outbox.remember(alert(3, Stage::Raised, Severity::High));
        outbox.push(alert(3, Stage::Resolved, Severity::High));
        assert!(outbox.next().is_some(), "it was told before a restart");
    }

    #[test]
    fn the_graver_go_first_and_stay_when_it_is_full() {
        let mut outbox = Outbox::new(2, 8);
        outbox.push(alert(1, Stage::Raised, Severity::Low));
        outbox.push(alert(2, Stage::Raised, Severity::High));
        outbox.push(alert(3, Stage::Raised, Severity::Critical));
        outbox.push(alert(4, Stage::Raised, Severity::Low));
        let mut order = Vec::new();
        while let Some(next) = outbox.next() {
            order.push(next.key);
            outbox.settle(true);
        }
        assert_eq!((order, outbox.counts().dropped), (vec!["3".to_owned(), "2".to_owned()], 2));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(Alert),
        Next,
        Settle(bool),
    }

    fn step() -> impl Strategy<Value = Step> {
        let stage =
            prop_oneof![Just(Stage::Raised), Just(Stage::Acknowledged), Just(Stage::Resolved)];
        let severity = prop_oneof![Just(Severity::Low), Just(Severity::High)];
        let push = (0..4_u8, stage, severity).prop_map(|(a, b, c)| Step::Push(alert(a, b, c)));
        prop_oneof![3 => push, 2 => Just(Step::Next), 2 => any::<bool>().prop_map(Step::Settle)]
    }

    proptest! {
        /// The twin is all that was told, in order, and looks through it each time.
        #[test]
        fn whatever_happens_no_message_is_unaccounted_for(
            steps in prop::collection::vec(step(), 1..200),
            most in 1..5_usize,
        ) {
            let mut outbox = Outbox::new(most, 4);
            let (mut pushed, mut told, mut last) = (0_u64, Vec::<Alert>::new(), BTreeMap::new());
            let mut sending: Option<Alert> = None;
            for step in steps.into_iter().chain(std::iter::repeat_n(Step::Next, 1)) {
                match step {
                    Step::Push(alert) => {
                        pushed += 1;
                        last.insert(alert.key.clone(), alert.clone());
                        outbox.push(alert);
                    }
                    Step::Next if sending.is_none() => sending = outbox.next(),
                    Step::Next => {}
                    Step::Settle(sent) => {
                        outbox.settle(sent);
                        told.extend(sending.take().filter(|_| sent));
                    }
                }
                let Counts { sent, known, replaced, dropped, failed } = outbox.counts();
                let open = outbox.waiting.len() as u64 + u64::from(outbox.sending.is_some());
                prop_assert_eq!(pushed, sent + known + replaced + dropped + failed + open);
                prop_assert!(outbox.waiting.len() <= most);
            }
            outbox.settle(true);
            told.extend(sending);
            while let Some(alert) = outbox.next() {
                outbox.settle(true);
                told.push(alert);
            }
            for (key, last) in last {
                let of: Vec<&Alert> = told.iter().filter(|it| it.key == key).collect();
                prop_assert!(of.windows(2).all(|two| !two[0].says_the_same(two[1])));
                let first = of.first().is_none_or(|it| it.stage == Stage::Raised);
                prop_assert!(first, "{:?}", of);
                // Where nothing was lost, the last that was said is the last that was told.
                let lost = outbox.counts().dropped + outbox.counts().failed > 0;
                let at_last = of.last().is_some_and(|it| it.says_the_same(&last));
                let over = of.last().is_none_or(|it| it.stage == Stage::Resolved);
                prop_assert!(lost || at_last || over && last.stage != Stage::Raised);
            }
        }
    }
}
