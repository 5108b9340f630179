//! The safety lever of the whole process; alone in its file, since it is shared by all tests of one.

use std::time::Duration;

use salve_chaos::{ArmError, Arming, Call, Config, Fault, Handle, Rule, allow_all, halt_all};
use salve_core::{Ratio, Rejection};

#[tokio::test(start_paused = true)]
async fn one_lever_ends_all_chaos_of_the_process_and_keeps_it_from_beginning() {
    let point = |name| {
        let rule = Rule::new("hang", Fault::Hang).with_share(Ratio::ONE);
        Handle::new(Config::new(name).with_rule(rule)).unwrap()
    };
    let minute = || Arming::new("ada", "a test", Duration::from_secs(60));
    let (one, two, idle) = (point("one"), point("two"), point("idle"));
    one.arm(minute()).unwrap();
    two.arm(minute()).unwrap();
    let hanging = one.call(&Call::ANY, || async { Ok::<_, Rejection>(1) });
    let hanging = tokio::spawn(hanging);
    tokio::task::yield_now().await;
    assert_eq!(one.status().held, 1);

    assert_eq!(halt_all(), 2);
    assert_eq!(hanging.await.unwrap(), Ok(1));
    assert!(!one.is_armed() && !two.is_armed() && one.status().halted);
    assert_eq!(idle.arm(minute()), Err(ArmError::Halted));
    assert_eq!(point("made later").arm(minute()), Err(ArmError::Halted));

    two.halt();
    allow_all();
    assert_eq!(two.arm(minute()), Err(ArmError::Halted), "what was halted by itself stays so");
    assert_eq!(one.arm(minute()), Ok(()));
}
