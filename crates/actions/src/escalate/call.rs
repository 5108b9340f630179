//! To tell somebody, and to ask a person to act, as actions.

use salve_core::Name;
use salve_healer::action::Report;
use salve_healer::{Action, ActionMeta, BoxFuture, Failure, Order};

use super::{Alert, Desk};

/// Tells people of the incident. It repairs nothing, and waits for nobody.
///
/// The key of the order is that of the matter, so that twice is as once.
#[derive(Clone, Debug)]
pub struct Notify {
    name: Name,
    desk: Desk,
    text: String,
    /// Whether a person has to repair it.
    asks: bool,
}

impl Notify {
    /// An action that says `text`, with what is known of the incident, and is done.
    pub fn new(name: impl Into<Name>, desk: &Desk, text: impl Into<String>) -> Self {
        Self { name: name.into(), desk: desk.clone(), text: text.into(), asks: false }
    }

    /// An action that asks a person to repair it, as `text` says, and fails for good: the healer goes
    /// on with what comes next in its chain, and escalates at its end.
    pub fn ask(name: impl Into<Name>, desk: &Desk, text: impl Into<String>) -> Self {
        Self { asks: true, ..Self::new(name, desk, text) }
    }

    fn alert(&self, order: &Order) -> Alert {
        let opening = &order.incident.opening;
        let subject = opening.subject.to_string();
        let alert = Alert::new(&order.key, opening.severity, subject, &self.text);
        alert.with("incident", opening.id.to_string()).with("kind", opening.kind.as_str())
    }
}

impl Action for Notify {
    fn name(&self) -> &Name {
        &self.name
    }

    fn meta(&self) -> ActionMeta {
        ActionMeta::default().idempotent()
    }

    fn preview<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Vec<String>, Failure>> {
        let line = format!("tell: {}", self.alert(order));
        Box::pin(std::future::ready(Ok(vec![line])))
    }

    fn execute<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Report, Failure>> {
        let alert = self.alert(order);
        self.desk.tell(&alert);
        let done = if self.asks {
            Err(Failure::permanent(format!("a person is asked to act: {}", self.text)))
        } else {
            Ok(Report { done: vec![format!("told: {alert}")] })
        };
        Box::pin(std::future::ready(done))
    }
}
