//! Targets that come, go and follow new settings.

use std::sync::Arc;

use salve_core::{Moment, Name};

use super::{Entry, News, RegisterError, Ward};
use crate::check::Check;
use crate::event::Event;
use crate::history::History;
use crate::judge::Detector;
use crate::target::Target;
use crate::target_config::{Criticality, TargetConfig};

impl Ward {
    /// Adds a target; without a check it waits for what is pushed.
    pub(crate) fn register(
        &mut self,
        config: TargetConfig,
        check: Option<Arc<dyn Check>>,
        detector: Option<Detector>,
        (now, random): (Moment, f64),
        news: &mut News,
    ) -> Result<(), RegisterError> {
        config.validate().map_err(RegisterError::Config)?;
        let name = config.name.clone();
        if self.names.contains_key(&name) {
            return Err(RegisterError::Taken(name));
        }
        let place = config.place.clone();
        self.topology.set(name.clone(), place).map_err(RegisterError::Cycle)?;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            (self.entries.len() - 1) as u32
        });
        self.enter_group(config.place.group.as_ref());
        self.schedule.set_yields(slot, config.criticality == Criticality::NonCritical);
        let rules = config.rules();
        if check.is_some() {
            let first = config.interval.mul_f64(config.jitter.as_f64() * random);
            self.schedule.insert(slot, now.after(first));
        } else {
            self.schedule.vacate(slot);
        }
        self.entries[slot as usize] = Some(Box::new(Entry {
            check,
            detector,
            target: Target::new(&rules, now),
            history: History::new(self.config.minutes(), now),
            sample: None,
            samples: 0,
            timeouts: 0,
            because: None,
            last_down: None,
            was_up: false,
            has_flapped: false,
            config,
        }));
        self.names.insert(name.clone(), slot);
        news.push((Some(name), Event::Registered));
        Ok(())
    }

    /// Lets a target follow new settings, all or nothing. Its state, its past and a run that is
    /// under way stay.
    pub(crate) fn reconfigure(
        &mut self,
        config: TargetConfig,
        now: Moment,
        news: &mut News,
    ) -> Result<(), RegisterError> {
        config.validate().map_err(RegisterError::Config)?;
        let name = config.name.clone();
        let slot = self.slot(name.as_str()).ok_or(RegisterError::Missing(name.clone()))?;
        let place = config.place.clone();
        self.topology.set(name.clone(), place).map_err(RegisterError::Cycle)?;
        self.leave_parties(slot, news);
        let Some(entry) = self.entry_mut(slot) else { return Ok(()) };
        let group = config.place.group.clone();
        let yields = config.criticality == Criticality::NonCritical;
        let before = std::mem::replace(&mut entry.config, config);
        let next = now.after(entry.pause(0.5));
        self.leave_group(before.place.group.as_ref());
        self.enter_group(group.as_ref());
        self.schedule.set_yields(slot, yields);
        self.schedule.bring_forward(slot, next);
        self.explain(slot, now, news);
        self.join_parties(slot, news);
        news.push((Some(name), Event::Reconfigured));
        Ok(())
    }

    fn enter_group(&mut self, group: Option<&Name>) {
        if let Some(group) = group {
            self.groups.entry(group.clone()).or_default().0 += 1;
        }
    }

    fn leave_group(&mut self, group: Option<&Name>) {
        if let Some(group) = group
            && let Some((members, _)) = self.groups.get_mut(group)
        {
            *members -= 1;
            if *members == 0 {
                self.groups.remove(group);
            }
        }
    }

    /// Takes a target away; its run is ended. The user's code in it is for the caller to drop, with
    /// no lock held.
    pub(crate) fn remove(&mut self, name: &str, news: &mut News) -> Option<Box<Entry>> {
        let (name, slot) = self.names.remove_entry(name)?;
        self.leave_parties(slot, news);
        self.unwanted.extend(self.schedule.remove(slot));
        self.topology.remove(name.as_str());
        let entry = self.entries[slot as usize].take()?;
        self.leave_group(entry.config.place.group.as_ref());
        self.free.push(slot);
        news.push((Some(name), Event::Removed));
        Some(entry)
    }
}
