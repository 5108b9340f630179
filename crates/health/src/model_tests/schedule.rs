//! Random walks of the schedule beside a twin that searches all slots.

use proptest::prelude::*;

use super::{at, ms};
use crate::schedule::{PATIENCE, Run, Schedule};

const MAX: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Step {
    Insert(u32, u64),
    Remove(u32),
    Park(u32),
    Unpark(u32, u64),
    Hurry(u32),
    BringForward(u32, u64),
    SetYields(u32, bool),
    Start(u64),
    TimeOut,
    End(usize, u64),
    Void,
    Abandon,
}

fn steps() -> impl Strategy<Value = Vec<(u64, Step)>> {
    let slot = 0..8_u32;
    let wait = 0..3_000_u64;
    let step = prop_oneof![
        6 => (slot.clone(), wait.clone()).prop_map(|(slot, wait)| Step::Insert(slot, wait)),
        1 => slot.clone().prop_map(Step::Remove),
        2 => slot.clone().prop_map(Step::Park),
        2 => (slot.clone(), wait.clone()).prop_map(|(slot, wait)| Step::Unpark(slot, wait)),
        2 => slot.clone().prop_map(Step::Hurry),
        2 => (slot.clone(), wait.clone()).prop_map(|(slot, wait)| Step::BringForward(slot, wait)),
        2 => (slot, any::<bool>()).prop_map(|(slot, yields)| Step::SetYields(slot, yields)),
        12 => (1..2_500_u64).prop_map(Step::Start),
        6 => Just(Step::TimeOut),
        8 => (any::<usize>(), wait).prop_map(|(run, wait)| Step::End(run, wait)),
        1 => Just(Step::Void),
        1 => Just(Step::Abandon),
    ];
    prop::collection::vec((0..700_u64, step), 1..150)
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Slot {
    Empty,
    Parked,
    Idle(u64),
    Running {
        number: u64,
        started: u64,
        deadline: Option<u64>,
        placed: bool,
        asked: bool,
        parked: bool,
    },
}

proptest! {
    #[test]
    fn inv_02_it_agrees_with_one_that_searches_all_slots(steps in steps()) {
        let mut schedule = Schedule::new(MAX);
        let mut slots = [Slot::Empty; 8];
        let mut yields = [false; 8];
        let mut runs: Vec<Run> = Vec::new();
        let (mut now, mut number) = (0, 0);
        for slot in 0..8 {
            schedule.vacate(slot);
        }
        for (gap, step) in steps {
            now += gap;
            match step {
                Step::Insert(slot, wait) => {
                    if slots[slot as usize] == Slot::Empty {
                        schedule.insert(slot, at(now + wait));
                        slots[slot as usize] = Slot::Idle(now + wait);
                    }
                }
                Step::Remove(slot) => {
                    let run = schedule.remove(slot);
                    let running = matches!(slots[slot as usize], Slot::Running { .. });
                    prop_assert_eq!(run.is_some(), running);
                    slots[slot as usize] = Slot::Empty;
                }
                Step::Park(slot) => {
                    schedule.park(slot);
                    match &mut slots[slot as usize] {
                        Slot::Running { parked, .. } => *parked = true,
                        it @ Slot::Idle(_) => *it = Slot::Parked,
                        _ => {}
                    }
                }
                Step::Unpark(slot, wait) => {
                    schedule.unpark(slot, at(now + wait));
                    match &mut slots[slot as usize] {
                        it @ Slot::Parked => *it = Slot::Idle(now + wait),
                        Slot::Running { parked, asked, deadline, .. } if *parked => {
                            (*parked, *asked, *deadline) = (false, true, None);
                        }
                        _ => {}
                    }
                }
                Step::Hurry(slot) => {
                    schedule.hurry(slot, at(now));
                    match &mut slots[slot as usize] {
                        Slot::Idle(due) => *due = now.min(*due),
                        Slot::Running { deadline: None, asked, .. } => *asked = true,
                        _ => {}
                    }
                }
                Step::BringForward(slot, wait) => {
                    schedule.bring_forward(slot, at(now + wait));
                    if let Slot::Idle(due) = &mut slots[slot as usize] {
                        *due = (*due).min(now + wait);
                    }
                }
                Step::SetYields(slot, it) => {
                    schedule.set_yields(slot, it);
                    yields[slot as usize] = it;
                }
                Step::Start(timeout) => {
                    for slot in &mut slots {
                        if let Slot::Running { started, placed, .. } = slot
                            && now >= *started + PATIENCE.as_millis() as u64
                        {
                            *placed = false;
                        }
                    }
                    let held = slots.iter().filter(|it| matches!(it, Slot::Running { placed: true, .. }));
                    let is_free = held.count() < MAX;
                    let due = slots.iter().enumerate().filter_map(|(slot, it)| match it {
                        Slot::Idle(due) if *due <= now && is_free => Some((yields[slot], *due, slot)),
                        _ => None,
                    });
                    let expected = due.min().map(|(_, _, slot)| Run { slot: slot as u32, number });
                    let run = schedule.start(at(now), |_| ms(timeout));
                    prop_assert_eq!(run, expected);
                    if let Some(run) = run {
                        slots[run.slot as usize] = Slot::Running {
                            number,
                            started: now,
                            deadline: Some(now + timeout),
                            placed: true,
                            asked: false,
                            parked: false,
                        };
                        number += 1;
                        runs.push(run);
                    }
                }
                Step::TimeOut => {
                    let late = slots.iter().enumerate().filter_map(|(slot, it)| match it {
                        Slot::Running { deadline: Some(deadline), .. } if *deadline <= now => Some((*deadline, slot)),
                        _ => None,
                    });
                    let expected = late.min().map(|(_, slot)| slot);
                    let told = schedule.time_out(at(now));
                    prop_assert_eq!(told.map(|(run, _)| run.slot as usize), expected);
                    if let Some((run, wanted)) = told
                        && let Slot::Running { number, deadline, parked, .. } = &mut slots[run.slot as usize]
                    {
                        prop_assert_eq!((run.number, wanted), (*number, !*parked));
                        *deadline = None;
                    }
                }
                Step::End(run, wait) => {
                    if runs.is_empty() {
                        continue;
                    }
                    let run = runs.swap_remove(run % runs.len());
                    let over = schedule.end(run, at(now));
                    match slots[run.slot as usize] {
                        Slot::Running { number, started, deadline, asked, parked, .. } if number == run.number => {
                            slots[run.slot as usize] = Slot::Parked;
                            prop_assert_eq!(over.is_none(), parked);
                            if let Some(over) = over {
                                let in_time = deadline.is_some_and(|deadline| now <= deadline);
                                prop_assert_eq!((over.started, over.in_time, over.asked), (at(started), in_time, asked));
                                schedule.unpark(run.slot, at(now + wait));
                                slots[run.slot as usize] = Slot::Idle(now + wait);
                            }
                        }
                        _ => prop_assert!(over.is_none()),
                    }
                }
                Step::Void => {
                    let mut expected = Vec::new();
                    for (slot, it) in slots.iter_mut().enumerate() {
                        if let Slot::Running { number, deadline, asked, parked, .. } = it {
                            (*deadline, *asked) = (None, !*parked);
                            expected.push(Run { slot: slot as u32, number: *number });
                        }
                    }
                    prop_assert_eq!(schedule.void(), expected);
                }
                Step::Abandon => {
                    schedule.abandon(at(now));
                    for slot in &mut slots {
                        if let Slot::Running { parked, .. } = slot {
                            *slot = if *parked { Slot::Parked } else { Slot::Idle(now) };
                        }
                    }
                }
            }
            let running = slots.iter().filter(|it| matches!(it, Slot::Running { .. })).count();
            prop_assert_eq!(schedule.running(), running);
            let due = slots.iter().filter_map(|it| match it { Slot::Idle(due) => Some(*due), _ => None });
            let deadline = slots.iter().filter_map(|it| match it { Slot::Running { deadline, .. } => *deadline, _ => None });
            let places: Vec<_> = slots.iter().filter_map(|it| match it {
                Slot::Running { placed: true, started, .. } => Some(started + 1_000),
                _ => None,
            }).collect();
            let free_at = if places.len() < MAX { 0 } else { places.into_iter().min().unwrap_or(0) };
            let next = due.min().map(|due| due.max(free_at)).into_iter().chain(deadline.min()).min();
            prop_assert_eq!(schedule.next(), next.map(at));
        }
    }
}
