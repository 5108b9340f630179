//! E-mail as a channel, over SMTP.

use std::fmt;
use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Mailboxes, header};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use salve_core::text::{chain, line};
use salve_core::{Check, ConfigError, Name};
use salve_healer::{BoxFuture, Failure};

use super::{Alert, Channel};

const ROOM: &str = "actions/email";

/// How long the server may take for an answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// What mails are sent by; the program that wants TLS or a password builds it.
pub type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// Sends a plain mail to every recipient.
pub struct Email {
    name: Name,
    from: Mailbox,
    to: Mailboxes,
    transport: Transport,
}

impl Email {
    /// Sends by a relay that asks for neither TLS nor a password, such as the machine's own. From and
    /// to are as `Ops <ops@example.org>`; 1 to 64 recipients.
    ///
    /// # Errors
    /// If an address is none, or there are too many.
    pub fn by_relay(
        name: impl Into<Name>,
        (host, port): (&str, u16),
        from: &str,
        to: &[&str],
    ) -> Result<Self, ConfigError> {
        let transport = Transport::builder_dangerous(host).port(port).timeout(Some(TIMEOUT));
        Self::with_transport(name, transport.build(), from, to)
    }

    /// Sends by `transport`, which has TLS and a password if the server asks for them.
    ///
    /// # Errors
    /// If an address is none, or there are too many.
    pub fn with_transport(
        name: impl Into<Name>,
        transport: Transport,
        from: &str,
        to: &[&str],
    ) -> Result<Self, ConfigError> {
        Check::room(ROOM).range("to", to.len(), 1, 64)?;
        let address = |field, text: &str| {
            let wrong = |_| ConfigError::new(ROOM, field, line(text), "an address of mail");
            text.parse::<Mailbox>().map_err(wrong)
        };
        let from = address("from", from)?;
        let to = to.iter().map(|text| address("to", text)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { name: name.into(), from, to: to.into_iter().collect(), transport })
    }

    fn message(&self, alert: &Alert) -> Result<Message, lettre::error::Error> {
        let mut text = format!("{alert}\n");
        for (name, value) in &alert.details {
            text.push_str(&format!("\n{name}: {value}"));
        }
        text.push_str(&format!("\nmatter: {}\n", alert.key));
        Message::builder()
            .from(self.from.clone())
            .mailbox(header::To::from(self.to.clone()))
            .subject(line(&alert.to_string()))
            .header(ContentType::TEXT_PLAIN)
            .body(text)
    }

    async fn mail(&self, alert: &Alert) -> Result<(), Failure> {
        let message = self.message(alert);
        let message = message.map_err(|error| Failure::permanent(error.to_string()))?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            // A code from 500 on.
            Err(error) if error.is_permanent() => Err(Failure::permanent(chain(&error))),
            Err(error) => Err(Failure::transient(chain(&error))),
        }
    }
}

impl Channel for Email {
    fn name(&self) -> &Name {
        &self.name
    }

    fn send<'a>(&'a self, alert: &'a Alert) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.mail(alert))
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Email")
            .field("name", &self.name)
            .field("from", &self.from)
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}
