//! The gate: hundreds of worlds in which the engine has to keep its invariants and its figures.

use gym::player::Name;
use gym::regret::{ARMS, regret};
use gym::scenario::{Class, Source};
use gym::score::Board;
use gym::tournament::Plan;

fn plan(usual: u64, wild: u64) -> Plan {
    let players = vec![Name::Nobody, Name::Naive, Name::Ours, Name::Oracle];
    Plan { usual, wild, seed: 1, school: 0, players, classes: Class::ALL.to_vec() }
}

fn figure(board: &Board, name: Name, source: Source, what: &str) -> f64 {
    let verdicts = board.verdicts(name, source);
    verdicts.iter().find(|it| it.what == what).unwrap_or_else(|| panic!("no `{what}`")).value
}

const RATIO: &str = "unhealthy time over the oracle's, fixable faults";

/// Played once; then everything is asked that can be.
#[test]
fn inv_all_hundreds_of_worlds_are_healed_and_no_invariant_is_broken() {
    let plan = plan(570, 190);
    let board = Board { rows: plan.play(), players: plan.players };
    let found: Vec<_> =
        board.violations().map(|(name, what, row)| (name, what, row.seed)).collect();
    assert_eq!(found, []);
    every_bound_is_kept_in_the_usual_worlds(&board);
    worlds_that_nobody_tunes_to_are_healed_as_well(&board);
    inv_53_who_does_nothing_or_anything_fails(&board);
    nothing_is_done_where_nothing_is_wrong(&board);
    every_class_of_faults_is_played_and_does_its_work(&board);
}

fn every_bound_is_kept_in_the_usual_worlds(board: &Board) {
    for verdict in board.verdicts(Name::Ours, Source::Usual) {
        // What only knowledge brings is asked of the whole table, where it has some.
        let first_day = verdict.what.contains("can be healed");
        assert!(first_day || verdict.holds(), "{verdict:?}");
    }
    let curable = "the same in worlds that can be healed";
    assert!(figure(board, Name::Ours, Source::Usual, curable) < 1.5);
}

fn worlds_that_nobody_tunes_to_are_healed_as_well(board: &Board) {
    // A few worlds that nobody can heal soon weigh more than the rest: 1.16 in 2,000, 1.34 in these.
    assert!(figure(board, Name::Ours, Source::Wild, RATIO) <= 1.5);
    assert_eq!(figure(board, Name::Ours, Source::Wild, "actions with harm").to_bits(), 0);
}

/// A gym that passes who always holds, or who knows no gate, judges nothing.
fn inv_53_who_does_nothing_or_anything_fails(board: &Board) {
    assert!(figure(board, Name::Nobody, Source::Usual, RATIO) > 5.0);
    assert!(figure(board, Name::Naive, Source::Usual, RATIO) > 2.0);
    assert!(figure(board, Name::Naive, Source::Usual, "actions with harm") > 100.0);
}

fn nothing_is_done_where_nothing_is_wrong(board: &Board) {
    let idle = board.figures(Name::Ours, |row| row.class == Class::NoFault);
    assert!(idle.worlds >= 40);
    assert_eq!((idle.actions, idle.unhealthy), (0, 0));
}

fn every_class_of_faults_is_played_and_does_its_work(board: &Board) {
    for class in Class::ALL.into_iter().filter(|class| class.is_fixable()) {
        let usual =
            |name| board.figures(name, |row| row.class == class && row.source == Source::Usual);
        let (nobody, ours) = (usual(Name::Nobody), usual(Name::Ours));
        assert!(nobody.unhealthy > 2 * ours.unhealthy, "{class:?}: {nobody:?} {ours:?}");
        assert!(ours.actions > 0 && ours.incidents > 0, "{class:?}: {ours:?}");
    }
}

#[test]
fn a_seed_decides_everything() {
    let plan = plan(19, 19);
    let once: Vec<_> = plan.play().into_iter().map(|row| (row.seed, row.played)).collect();
    let again: Vec<_> = plan.play().into_iter().map(|row| (row.seed, row.played)).collect();
    assert_eq!(once, again);
    let other = Plan { seed: 1_000, ..plan };
    let other: Vec<_> = other.play().into_iter().map(|row| row.played).collect();
    assert!(once.into_iter().map(|(_, played)| played).ne(other));
}

/// INV-43: at most twice the reference.
#[test]
fn inv_43_the_regret_of_the_learner_is_near_the_reference() {
    for (arms, reference) in ARMS {
        let lost = regret(arms, 6);
        assert!(lost <= 2.0 * reference, "{arms:?}: {lost:.1} > 2 x {reference}");
    }
}
