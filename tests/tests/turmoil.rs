//! The family in a simulated network whose links are struck by the faults that production knows.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use salve::{Ratio, Refusable, Repeatable};
use salve_chaos::turmoil::{Link, NoLink, Unfit, run};
use salve_chaos::{Aim, Burst, Fault, Kind, Latency, Lie, Quota, Rule, Schedule, Skew};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use turmoil::net::{TcpListener, TcpStream};

const SECOND: Duration = Duration::from_secs(1);
const USUAL: Duration = Duration::from_millis(5);

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn all(fault: Fault) -> Rule {
    Rule::new("rule", fault).with_share(Ratio::ONE)
}

/// What became of a call: when it began, how long it took, and how it ended.
type Course = (Duration, Duration, &'static str);

/// Answers each connection's number with the next, and hangs up.
async fn serve() -> turmoil::Result {
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    loop {
        let Ok((mut socket, _)) = listener.accept().await else { continue };
        tokio::spawn(async move {
            let number = socket.read_u32().await?;
            socket.write_u32(number + 1).await
        });
    }
}

async fn ask(number: u32) -> Result<u32, BoxError> {
    let mut socket = TcpStream::connect("server:80").await?;
    socket.write_u32(number).await?;
    Ok(socket.read_u32().await?)
}

/// A client behind our adaptive stack, or a bare one, that calls every 100 ms for ten seconds.
fn simulate(rule: Rule, seed: u64, is_protected: bool) -> Vec<Course> {
    fastrand::seed(seed);
    let mut sim = turmoil::Builder::new().rng_seed(seed).simulation_duration(600 * SECOND).build();
    sim.host("server", serve);
    let courses = Rc::new(RefCell::new(Vec::new()));
    let told = Rc::clone(&courses);
    sim.client("client", async move {
        let (layer, _) = salve::stack("server").with_request_rule(Repeatable).adaptive().build()?;
        let mut service = layer.layer(service_fn(ask));
        for number in 0..100 {
            let began = turmoil::elapsed();
            let ended = if is_protected {
                match service.ready().await.map_err(|_| "not ready")?.call(number).await {
                    Ok(answer) if answer == number + 1 => "answered",
                    Ok(_) => "wrong",
                    Err(error) if error.rejection().is_some() => "refused",
                    Err(_) => "failed",
                }
            } else {
                match tokio::time::timeout(SECOND, ask(number)).await {
                    Ok(Ok(answer)) if answer == number + 1 => "answered",
                    Ok(Ok(_)) => "wrong",
                    Ok(Err(_)) => "failed",
                    Err(_) => "refused",
                }
            };
            told.borrow_mut().push((began, turmoil::elapsed() - began, ended));
            tokio::time::sleep(ms(100)).await;
        }
        Ok(())
    });
    let mut links = [Link::new("client", "server", USUAL, rule, seed).unwrap()];
    run(&mut sim, &mut links).unwrap();
    drop(sim);
    let courses = courses.borrow().clone();
    assert_eq!(courses.len(), 100);
    courses
}

fn answered(courses: &[Course]) -> usize {
    courses.iter().filter(|(_, _, ended)| *ended == "answered").count()
}

fn slowest(courses: &[Course]) -> Duration {
    courses.iter().map(|(_, took, _)| *took).max().unwrap()
}

#[test]
fn the_same_seed_makes_the_same_run_and_another_seed_another() {
    let noise = Latency::Uniform { from: ms(1), to: ms(60) };
    for rule in [
        all(Fault::Latency(noise)).with_share(Ratio::percent::<30>()),
        all(Fault::ERROR).with_share(Ratio::percent::<10>()),
    ] {
        let first = simulate(rule.clone(), 7, true);
        assert_eq!(first, simulate(rule.clone(), 7, true), "{:?}", rule.fault);
        assert_ne!(first, simulate(rule.clone(), 8, true), "{:?}", rule.fault);
    }
}

#[test]
fn a_latency_on_a_link_is_the_latency_of_each_message() {
    let none = simulate(all(Fault::Slow(1.0)), 7, false);
    let late = simulate(all(Fault::latency(ms(100))), 7, false);
    let slow = simulate(all(Fault::Slow(10.0)), 7, false);
    assert_eq!([answered(&none), answered(&late), answered(&slow)], [100, 100, 100]);
    // A handshake, a request and an answer.
    let added = slowest(&late) - slowest(&none);
    assert!(added >= ms(300) && added < ms(620), "{added:?}");
    assert!(slowest(&slow) >= 7 * slowest(&none), "{:?}", slowest(&slow));
}

#[test]
fn what_flaps_hurts_a_client_with_our_stack_less_than_a_bare_one() {
    let flapping = Schedule::Period { every: 2 * SECOND, lasts: ms(300) };
    let rule = all(Fault::ERROR).with_schedule(flapping);
    let (bare, ours) = (simulate(rule.clone(), 7, false), simulate(rule, 7, true));
    assert!((60..=90).contains(&answered(&bare)), "{} of 100", answered(&bare));
    assert!(answered(&ours) > answered(&bare), "{} of 100", answered(&ours));
}

#[test]
fn what_is_lost_now_and_then_is_asked_for_again() {
    let rule = all(Fault::ERROR).with_share(Ratio::percent::<3>());
    let (bare, ours) = (simulate(rule.clone(), 7, false), simulate(rule, 7, true));
    assert!(answered(&bare) < 95, "{} of 100", answered(&bare));
    assert!(answered(&ours) > answered(&bare), "{} of 100", answered(&ours));
}

#[test]
fn what_is_held_comes_when_the_window_is_over() {
    let window = Schedule::Window { after: 2 * SECOND, lasts: ms(700) };
    for fault in [Fault::Hang, Fault::Stall] {
        let courses = simulate(all(fault).with_schedule(window), 7, false);
        assert_eq!(answered(&courses), 100, "{fault:?}");
        let held: Vec<_> = courses.iter().filter(|(_, took, _)| *took > ms(100)).collect();
        assert_eq!(held.len(), 1, "{held:?}");
        let (began, took, _) = *held[0];
        let end = began + took;
        assert!(end >= ms(2_700) && end < ms(2_800), "{fault:?}: until {end:?}");
    }
}

#[test]
fn what_a_link_cannot_do_is_said_by_a_type() {
    let unfit = |rule: Rule| Link::new("client", "server", USUAL, rule, 0).unwrap_err();
    for fault in [
        Fault::Panic,
        Fault::Unready,
        Fault::Corrupt,
        Fault::Duplicate,
        Fault::Swap,
        Fault::Lie(Lie::Well),
        Fault::Clock(Skew::Frozen),
        Fault::Late(Latency::Fixed(SECOND)),
        Fault::Overload { retry_after: None },
    ] {
        assert_eq!(unfit(all(fault)), Unfit::Fault(fault.kind()));
    }
    let part = |rule: Rule| match unfit(rule) {
        Unfit::Part { kind: _, part } => part,
        other => panic!("{other:?}"),
    };
    assert_eq!(part(all(Fault::ERROR).with_aim(Aim::key("k"))), "an aim");
    let one_in_two = Rule::new("r", Fault::ERROR).with_share(Ratio::percent::<50>());
    assert_eq!(part(one_in_two.with_burst(Burst { mean_length: 2.0 })), "bursts");
    assert_eq!(part(all(Fault::ERROR).with_quota(Quota { calls: 1, per: SECOND })), "a quota");
    assert_eq!(part(Rule::new("r", Fault::Hang)), "a share of messages");
    let lies = Fault::Error { retry_after: Some(SECOND) };
    assert_eq!(part(all(lies)), "a time to come again");
    assert!(
        matches!(unfit(all(Fault::Slow(0.0))), Unfit::Setting(error) if error.field() == "fault.slow")
    );
    let said = Unfit::Fault(Kind::Lie).to_string();
    assert_eq!(said, "chaos: `lie` cannot be done to a link");
}

#[test]
fn a_link_that_is_not_there_is_an_error() {
    let mut sim = turmoil::Builder::new().build();
    sim.host("server", serve);
    sim.client("client", async { Ok(()) });
    let mut links = [Link::new("client", "sever", USUAL, all(Fault::ERROR), 0).unwrap()];
    let error = run(&mut sim, &mut links).unwrap_err();
    assert!(error.is::<NoLink>(), "{error}");
}
