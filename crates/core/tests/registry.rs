//! One policy per key: bounded, found by borrowed key, forgotten when idle, changed as a whole.

use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use salve_core::{Hold, Keyed, Member, Members, Registry, RegistryConfig, RegistryCounts, Single};
use tokio::time::advance;

const IDLE: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Quota {
    most: AtomicU32,
    is_used: AtomicBool,
}

impl Quota {
    fn of(most: u32) -> Self {
        Self { most: AtomicU32::new(most), ..Self::default() }
    }

    fn most(&self) -> u32 {
        self.most.load(Ordering::SeqCst)
    }
}

impl Keyed for Quota {
    fn is_evictable(&self) -> bool {
        !self.is_used.load(Ordering::SeqCst)
    }
}

fn store(member: &Member<String, Quota>, &most: &u32) {
    member.most.store(most, Ordering::SeqCst);
}

const fn same(most: u32) -> Result<u32, Infallible> {
    Ok(most)
}

fn bounds(max_keys: usize) -> RegistryConfig {
    RegistryConfig::default().with_max_keys(max_keys).with_idle_after(IDLE)
}

fn registry(max_keys: usize) -> Registry<String, Quota> {
    Registry::new(bounds(max_keys), |_| Quota::default()).unwrap()
}

fn members(most: u32) -> Members<String, Quota, u32> {
    Members::new(bounds(2), most, |_, most| Quota::of(most)).unwrap()
}

#[test]
fn no_room_for_any_key_is_refused() {
    let refused = Registry::<String, _>::new(bounds(0), |_| Quota::default()).unwrap_err();
    assert!(refused.to_string().starts_with("registry: `max_keys` is 0, but must be"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_key_has_one_policy_however_it_is_looked_up() {
    let registry = registry(2);
    let made = registry.get_or_make(Cow::Borrowed("a"));
    made.most.store(7, Ordering::SeqCst);
    assert_eq!(registry.get_or_make::<String>(Cow::Owned("a".to_owned())).most(), 7);
    assert_eq!(registry.get("a").map(|member| member.most()), Some(7));
    assert_eq!(made.key().map(String::as_str), Some("a"));
    assert_eq!(format!("{made:?}"), r#"Member(Some("a"))"#);
    assert!(registry.get("b").is_none());
    assert!(registry.remove("a") && !registry.remove("a"));
    assert_eq!(registry.get_or_make(Cow::Borrowed("a")).most(), 0, "it starts anew");
}

#[tokio::test(start_paused = true)]
async fn at_the_bound_new_keys_share_one_policy_until_a_key_is_idle_and_free() {
    let registry = registry(2);
    let held = registry.get_or_make(Cow::Borrowed("held"));
    registry.get_or_make(Cow::Borrowed("used")).is_used.store(true, Ordering::SeqCst);
    advance(IDLE).await;
    assert_eq!(registry.get_or_make(Cow::Borrowed("third")).key(), None);
    assert_eq!(registry.overflow().key_text(), None);
    drop(held);
    assert_eq!(registry.get_or_make(Cow::Borrowed("third")).key_text().unwrap(), "third");
    assert!(registry.get("held").is_none() && registry.get("used").is_some());
    assert_eq!(registry.counts(), RegistryCounts { keys: 2, evicted: 1, overflowed: 1 });
}

#[tokio::test(start_paused = true)]
async fn a_key_is_kept_while_it_is_used() {
    let registry = registry(1);
    registry.get_or_make(Cow::Borrowed("a"));
    advance(IDLE / 2).await;
    registry.get_or_make(Cow::Borrowed("a"));
    advance(IDLE / 2).await;
    assert_eq!(registry.get_or_make(Cow::Borrowed("b")).key(), None);
    advance(IDLE / 2).await;
    assert!(registry.get_or_make(Cow::Borrowed("b")).key().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_change_reaches_all_that_there_are_and_all_that_are_made_later() {
    let members = members(1);
    let early = members.get_or_make(Cow::Borrowed("early"));
    assert_eq!(members.change(|_| Err("no"), |_, _| panic!("not changed")), Err("no"));
    assert_eq!(members.settings(), 1);
    members.change(|most| same(most + 4), store).unwrap();
    assert_eq!((early.most(), members.overflow().most(), members.settings()), (5, 5, 5));
    assert_eq!(members.get_or_make(Cow::Borrowed("late")).most(), 5);
    let mut each = members.each(Quota::most);
    each.sort();
    assert_eq!(each, [("early".to_owned(), 5), ("late".to_owned(), 5)]);
}

#[tokio::test(start_paused = true)]
async fn of_two_changes_that_meet_the_last_one_holds_everywhere() {
    let members = members(1);
    members.get_or_make(Cow::Borrowed("a"));
    let mut meets = true;
    let late = |member: &Member<_, _>, most: &u32| {
        // Another change comes and ends before this one has written anything.
        if std::mem::take(&mut meets) {
            members.change(|_| same(3), store).unwrap();
        }
        store(member, most);
    };
    members.change(|_| same(2), late).unwrap();
    assert!(members.everyone().iter().all(|member| member.most() == 3));
    assert_eq!(members.settings(), 3);
}

#[tokio::test(start_paused = true)]
async fn calls_hold_on_to_a_policy_alone_or_by_its_key() {
    fn held<P>(by: &impl Hold<P>) -> (&P, Option<String>) {
        (by.shared(), by.key())
    }
    let alone = Single::new(Quota::of(3));
    let (quota, key) = held(&alone);
    assert_eq!((quota.most(), key), (3, None));
    let member = members(4).get_or_make(Cow::Borrowed("a"));
    let (quota, key) = held(&member);
    assert_eq!((quota.most(), key), (4, Some("a".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_policy_may_depend_on_its_key() {
    let long_keys_get_more =
        |key: Option<&String>, most: u32| Quota::of(most + key.map_or(0, |key| key.len() as u32));
    let members = Members::new(bounds(1), 10, long_keys_get_more).unwrap();
    assert_eq!(members.get_or_make(Cow::Borrowed("abc")).most(), 13);
    assert_eq!(members.overflow().most(), 10);
}
