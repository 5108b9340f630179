//! The scenario in which a supervisor of tasks was shown to fail, played against a heartbeat.
//!
//! The id is that of the list of weak points in `docs/peers.md`.

use std::time::Duration;

use salve_checks::heartbeat::{self, Heartbeat};
use salve_core::Ratio;
use salve_health::{Config, Handle, State, TargetConfig};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn ts01_a_task_that_hangs_is_noticed_and_not_only_one_that_ends() {
    let registry = Handle::new(Config::new("peers")).unwrap();
    let heartbeat = Heartbeat::new(heartbeat::Config::default()).unwrap();
    let worker = TargetConfig::new("worker").with_jitter(Ratio::ZERO);
    registry.register(worker, heartbeat.clone()).unwrap();
    tokio::spawn(registry.clone().run());
    let task = tokio::spawn(async move {
        for _ in 0..600 {
            sleep(SECOND).await;
            heartbeat.beat();
        }
        std::future::pending::<()>().await;
    });
    sleep(599 * SECOND).await;
    assert_eq!(registry.state("worker"), Some(State::Healthy));
    // A dead-man's silence of a minute, looked at every half of it, and thrice until it is believed.
    sleep(181 * SECOND).await;
    assert_eq!(registry.state("worker"), Some(State::Failed));
    assert!(!task.is_finished(), "nobody was told by its end");
}
