//! Takes alerts in without waiting, and has each channel told by a task of its own.

use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use salve_core::sync::Lock;
use salve_core::{Check, ConfigError, Name};
use salve_healer::driver::{Event, Handle, JournalHealth};
use salve_healer::{BoxFuture, Failure, Severity};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::alert::{Alert, Stage};
use super::outbox::{Counts, Outbox};
use super::reader::Reader;

const ROOM: &str = "actions/escalate";

/// A way to tell people something.
///
/// Another channel may stand behind it: one that tries again, or one that chooses.
pub trait Channel: Send + Sync {
    /// Its name.
    fn name(&self) -> &Name;

    /// Tells it. A failure says whether it is worth another try.
    ///
    /// # Cancellation
    /// Dropped when it takes too long; it may have been told.
    fn send<'a>(&'a self, alert: &'a Alert) -> BoxFuture<'a, Result<(), Failure>>;

    /// Whether it keeps each matter open, by its key, until it is resolved, and takes no offence at the end of one
    /// that it does not know: a pager. Default no.
    fn keeps_open(&self) -> bool {
        false
    }
}

/// The settings of a desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    /// How many messages may wait for each channel. Default 256; 1 to 65,536.
    pub most_waiting: usize,
    /// Of how many matters each channel remembers what was told. Default 4,096; 1 to 1,048,576.
    pub most_told: usize,
    /// How long a channel may take for a message, its own tries included. Default 2 min; 1 ms to
    /// 1 h.
    #[cfg_attr(feature = "serde", serde(with = "salve_core::settings::duration"))]
    pub patience: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { most_waiting: 256, most_told: 4_096, patience: Duration::from_secs(120) }
    }
}

impl Config {
    /// Sets how many messages may wait for each channel.
    #[must_use]
    pub const fn with_most_waiting(mut self, most: usize) -> Self {
        self.most_waiting = most;
        self
    }

    /// Sets of how many matters each channel remembers what was told.
    #[must_use]
    pub const fn with_most_told(mut self, most: usize) -> Self {
        self.most_told = most;
        self
    }

    /// Sets how long a channel may take for a message.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first field that is out of bounds, its value and the bound.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let check = Check::room(ROOM);
        check.range("most_waiting", self.most_waiting, 1, 65_536)?;
        check.range("most_told", self.most_told, 1, 1_048_576)?;
        let (least, most) = (Duration::from_millis(1), Duration::from_secs(3_600));
        check.duration("patience", self.patience, least, most)
    }
}

/// Which channels are told of what.
#[derive(Clone, Default)]
pub struct Routes {
    channels: Vec<(Severity, Arc<dyn Channel>)>,
    last_resort: Option<Arc<dyn Channel>>,
}

impl Routes {
    /// Tells `channel` of what is at least so grave.
    #[must_use]
    pub fn with(mut self, at_least: Severity, channel: impl Channel + 'static) -> Self {
        self.channels.push((at_least, Arc::new(channel)));
        self
    }

    /// Tells `channel`, once, what another could not be told.
    #[must_use]
    pub fn with_last_resort(mut self, channel: impl Channel + 'static) -> Self {
        self.last_resort = Some(Arc::new(channel));
        self
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.channels.iter().map(|(at_least, channel)| (channel.name(), at_least));
        f.debug_map().entries(names).finish()
    }
}

/// A channel, what is to be told over it, and its task's way to hear of that.
struct Line {
    at_least: Severity,
    channel: Arc<dyn Channel>,
    outbox: Lock<Outbox>,
    news: Notify,
    idle: Notify,
    trouble: Lock<Option<Failure>>,
}

/// How a channel is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelHealth {
    /// Its name.
    pub name: Name,
    /// What has become of its messages.
    pub counts: Counts,
    /// Why its last message was not told, if it was not.
    pub trouble: Option<Failure>,
}

/// Tells people. Clones are the same desk.
///
/// A slow channel delays no other, and none delays whoever tells: what waits is bounded, and what is
/// lost is counted. Each matter is told once to each channel, and again when its stage, severity or
/// text has changed.
///
/// **Dropped**, the last clone ends its tasks, whatever waits; [`drain`](Self::drain) waits first.
#[derive(Clone)]
pub struct Desk(Arc<Inner>);

struct Inner {
    lines: Vec<Arc<Line>>,
    tasks: Vec<AbortHandle>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Desk {
    /// Opens a desk, with a task for each channel on the current runtime.
    ///
    /// # Errors
    /// If a setting is out of bounds.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn open(config: Config, routes: Routes) -> Result<Self, ConfigError> {
        config.validate()?;
        let line = |(at_least, channel)| {
            Arc::new(Line {
                at_least,
                channel,
                outbox: Lock::new(Outbox::new(config.most_waiting, config.most_told)),
                news: Notify::new(),
                idle: Notify::new(),
                trouble: Lock::new(None),
            })
        };
        let lines: Vec<Arc<Line>> = routes.channels.into_iter().map(line).collect();
        let serve = |line: &Arc<Line>| {
            let last = routes.last_resort.clone();
            tokio::spawn(serve(Arc::clone(line), last, config.patience)).abort_handle()
        };
        let tasks = lines.iter().map(serve).collect();
        Ok(Self(Arc::new(Inner { lines, tasks })))
    }

    /// Takes a message in for every channel that it is grave enough for, or that knows of the
    /// matter. It waits for nothing.
    pub fn tell(&self, alert: &Alert) {
        for line in &self.0.lines {
            let mut outbox = line.outbox.lock();
            let grave = alert.severity >= line.at_least && alert.stage == Stage::Raised;
            if grave || outbox.knows(&alert.key) {
                outbox.push(alert.clone());
                line.news.notify_one();
            }
        }
    }

    /// Takes messages for told, such as those from before a restart.
    fn assume_told(&self, alert: &Alert) {
        for line in self.0.lines.iter().filter(|line| alert.severity >= line.at_least) {
            line.outbox.lock().remember(alert.clone());
        }
    }

    /// Ends a matter wherever it may still be open since a program that died.
    fn end_if_open(&self, alert: &Alert) {
        for line in self.0.lines.iter().filter(|line| line.channel.keeps_open()) {
            let mut outbox = line.outbox.lock();
            outbox.remember(alert.clone());
            outbox.push(alert.clone().resolved());
            line.news.notify_one();
        }
    }

    /// Tells people whatever of this healer needs a person, from now on. What is open already is
    /// taken for told. To be called before its driver runs, so that nothing is missed. If its journal is written,
    /// that is told to whoever [keeps matters open](Channel::keeps_open): a program that died without one could not
    /// write down that it had raised an alarm.
    pub fn follow(&self, name: impl Into<Name>, healer: &Handle) {
        let mut reader = Reader::new(name);
        reader.resume(&healer.state()).iter().for_each(|alert| self.assume_told(alert));
        if healer.journal() == JournalHealth::Up {
            self.end_if_open(&reader.unwritten());
        }
        let (reader, desk) = (Lock::new(reader), self.clone());
        healer.on_event(move |told: &salve_core::Told<Event>| {
            let alert = reader.lock().read(&told.event);
            if let Some(alert) = alert {
                desk.tell(&alert);
            }
        });
    }

    /// How each channel is, in the order of the routes.
    #[must_use]
    pub fn health(&self) -> Vec<ChannelHealth> {
        let health = |line: &Arc<Line>| ChannelHealth {
            name: line.channel.name().clone(),
            counts: line.outbox.lock().counts(),
            trouble: line.trouble.lock().clone(),
        };
        self.0.lines.iter().map(health).collect()
    }

    /// Waits until nothing waits to be told, `at_most` so long; whether that is so.
    pub async fn drain(&self, at_most: Duration) -> bool {
        let idle = async {
            for line in &self.0.lines {
                loop {
                    let idle = line.idle.notified();
                    if line.outbox.lock().is_idle() {
                        break;
                    }
                    idle.await;
                }
            }
        };
        tokio::time::timeout(at_most, idle).await.is_ok()
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Desk").field(&self.health()).finish()
    }
}

/// Tells a channel what there is, one message after the other.
async fn serve(line: Arc<Line>, last_resort: Option<Arc<dyn Channel>>, patience: Duration) {
    loop {
        let next = line.outbox.lock().next();
        let Some(alert) = next else {
            line.idle.notify_waiters();
            line.news.notified().await;
            continue;
        };
        let sent = send(&*line.channel, &alert, patience).await;
        let trouble = sent.err();
        if let (Some(why), Some(last)) = (&trouble, &last_resort) {
            let name = line.channel.name();
            let alert = alert.clone().with("not told", format!("{name}: {why}"));
            // There is nobody left to tell of a failure; the count of the channel has it.
            let _ = send(&**last, &alert, patience).await;
        }
        line.outbox.lock().settle(trouble.is_none());
        *line.trouble.lock() = trouble;
    }
}

/// A channel that panics or takes too long has failed.
async fn send(channel: &dyn Channel, alert: &Alert, patience: Duration) -> Result<(), Failure> {
    let guarded = catch_unwind(AssertUnwindSafe(|| channel.send(alert)));
    let panicked = || Failure::permanent("it panicked");
    let mut sending = pin!(guarded.map_err(|_| panicked())?);
    let sending = poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| sending.as_mut().poll(context)));
        polled.unwrap_or_else(|_| std::task::Poll::Ready(Err(panicked())))
    });
    let late = |_| Err(Failure::transient("it took too long"));
    tokio::time::timeout(patience, sending).await.unwrap_or_else(late)
}
