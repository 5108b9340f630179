//! Messages on their way, for code that is no service: lost, doubled, or in another order.

use std::fmt;

use crate::call::Call;
use crate::fault::{Fault, Kind};
use crate::handle::Handle;
use crate::injector::Step;
use crate::shared::Held;

/// Passes messages, answers or events by a chaos point, on their way to whoever takes them next.
///
/// ```
/// use std::time::Duration;
/// use salve_chaos::{Arming, Call, Config, Fault, Handle, Rule, Wire};
/// use salve_core::Ratio;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), salve_chaos::ArmError> {
/// let rule = Rule::new("twice", Fault::Duplicate).with_share(Ratio::ONE);
/// let chaos = Handle::new(Config::new("orders").with_rule(rule))?;
/// let mut wire = Wire::new(chaos.clone());
/// assert_eq!(wire.pass(&Call::ANY, "order 7"), ["order 7"]);
///
/// chaos.arm(Arming::new("ada", "is an order taken once?", Duration::from_secs(60)))?;
/// assert_eq!(wire.pass(&Call::ANY, "order 8"), ["order 8", "order 8"]);
/// # Ok(())
/// # }
/// ```
pub struct Wire<T> {
    handle: Handle,
    kept: Option<(T, Held)>,
}

impl<T: Clone> Wire<T> {
    /// A wire on which nothing is kept.
    #[must_use]
    pub const fn new(handle: Handle) -> Self {
        Self { handle, kept: None }
    }

    /// What arrives now that `message` is sent: mostly that alone. One that changes places is kept
    /// until the next has arrived; it counts as held meanwhile.
    #[must_use]
    pub fn pass(&mut self, call: &Call<'_>, message: T) -> Vec<T> {
        let shared = &self.handle.0;
        let can = |kind| matches!(kind, Kind::Duplicate | Kind::Swap | Kind::Error);
        let armed = shared.is_armed();
        let struck = armed.then(|| shared.decide(call, Step::Call, can)).flatten();
        let mut arrives = match struck.map(|struck| struck.strike.fault) {
            None => vec![message],
            Some(Fault::Duplicate) => vec![message.clone(), message],
            // Two in a row that change places do so with each other.
            Some(Fault::Swap) if self.kept.is_none() => {
                self.kept = Some((message, Held::new(shared.clone())));
                return Vec::new();
            }
            Some(Fault::Swap) => vec![message],
            Some(_) => Vec::new(),
        };
        arrives.extend(self.flush());
        arrives
    }

    /// The message that is kept, if there is one: for when no other comes any more.
    pub fn flush(&mut self) -> Option<T> {
        self.kept.take().map(|(message, _)| message)
    }
}

impl<T> fmt::Debug for Wire<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("handle", &self.handle)
            .field("keeps_one", &self.kept.is_some())
            .finish()
    }
}
