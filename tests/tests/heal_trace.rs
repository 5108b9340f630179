//! What the healer tells `tracing`: what matters at `info` and above, reasons below.

use std::fmt::{self, Debug, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use salve::heal::{Closure, Kind, Setup, Severity, Step, Strategy, Target, trace};
use salve::health::{Config, Handle};
use salve::journal::MemoryJournal;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Keeps a line for each event of the healer.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<(Level, String)>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _: fmt::Result = write!(self.0, "{}={value:?} ", field.name());
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "salve::heal"
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push((*event.metadata().level(), line.0));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test(start_paused = true)]
async fn what_opens_is_done_and_ends_is_told_and_a_person_is_called_aloud() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let health = Handle::new(Config::new("shop")).unwrap();
    let healer = Setup::new(&health)
        .with_target(Target::new("api", "service").only_reported())
        .with_action(Closure::new("restart", |_| async { Ok(vec!["it runs".to_owned()]) }))
        .with_strategy(Strategy::new(Kind::Service).then(Step::new("restart")))
        .with_journal(MemoryJournal::new())
        .start()
        .await
        .unwrap();
    trace(&healer);
    healer.observe("api", salve::healer::Condition::Healthy, "seen").await.unwrap();
    assert!(healer.report_failure("api", Kind::Service, Severity::High));
    tokio::time::sleep(Duration::from_secs(300)).await;

    let lines = lines.0.lock().unwrap().clone();
    let has = |level, words: &[&str]| {
        lines.iter().any(|(at, line)| *at == level && words.iter().all(|it| line.contains(it)))
    };
    assert!(has(Level::INFO, &["message=opened", "incident=incident-1", "subject=`api`"]));
    assert!(has(Level::INFO, &["message=action started", "plan=plan-1"]));
    assert!(has(Level::INFO, &["message=action finished", "it runs"]));
    assert!(has(Level::INFO, &["message=verified", "NotRecovered"]));
    assert!(has(Level::WARN, &["message=a person has to look at it", "ChainExhausted"]));
    assert!(has(Level::DEBUG, &["message=recorded", "Planned"]));
}
