//! What a call's context says, and what it leaves behind.
#![cfg(not(salve_loom))]

use salve_core::{CallContext, Class, Moment};

#[test]
fn a_layer_between_two_retries_leaves_the_attempts_to_them() {
    let (_, outer) = CallContext::NEW.with_attempt(1, 2).enter(|| {
        let deadline = Moment::from_nanos(7);
        let between = CallContext::current();
        between.enter_moments(between.with_deadline(deadline), || {
            assert_eq!(CallContext::current().deadline(), Some(deadline));
            assert!(CallContext::take_attempt());
        });
        assert_eq!(CallContext::current().deadline(), None);
    });
    assert_eq!(outer.attempts_left(), Some(1));
}

#[test]
fn what_was_current_is_so_again_after_a_panic() {
    let context = CallContext::NEW.with_deadline(Moment::from_nanos(7)).with_attempt(2, 5);
    let context = context.with_class(Class::Critical);
    let panicking: [fn(CallContext); 3] = [
        |context| context.enter(|| panic!("in enter")).0,
        |context| CallContext::NEW.enter_moments(context, || panic!("in enter_moments")),
        |context| CallContext::NEW.enter_attempt(context, || panic!("in enter_attempt")).0,
    ];
    for enter in panicking {
        assert!(std::panic::catch_unwind(|| enter(context)).is_err());
        assert_eq!(CallContext::current(), CallContext::NEW);
    }
}

#[test]
fn what_is_set_is_read_and_what_is_not_is_unknown() {
    let new = CallContext::NEW;
    assert_eq!((new.deadline(), new.started(), new.attempts_left()), (None, None, None));
    let at = Moment::from_nanos(7);
    for class in Class::ALL {
        let set = new.with_class(class).with_deadline(at).with_started(at).with_attempt(2, 0);
        assert_eq!((set.class(), set.deadline(), set.started()), (class, Some(at), Some(at)));
        assert_eq!((set.attempt(), set.attempts_left()), (2, Some(0)));
        assert_eq!(set.with_deadline(Moment::from_nanos(8)).deadline(), Some(at));
    }
    assert_eq!(new.with_attempt(1, 0).with_attempt(1, u32::MAX).attempts_left(), None);
}

#[test]
fn attempts_are_taken_from_the_call_around_and_seen_by_it() {
    assert!(CallContext::take_attempt());
    let (taken, after) = CallContext::NEW
        .with_attempt(1, 1)
        .enter(|| [CallContext::take_attempt(), CallContext::take_attempt()]);
    assert_eq!((taken, after.attempts_left()), ([true, false], Some(0)));
    assert_eq!(CallContext::current(), CallContext::NEW);
}
