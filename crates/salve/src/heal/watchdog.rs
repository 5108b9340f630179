//! The watchdog of systemd, which the healer's loop keeps quiet.

use salve_core::{Moment, clock};
use sd_notify::NotifyState;

/// What the loop calls with each turn: says that it lives, four times in the time that the unit's `WatchdogSec=`
/// allows. It does nothing where nobody asks for it.
pub(super) fn systemd() -> impl FnMut() + Send + 'static {
    let every = sd_notify::watchdog_enabled().map(|limit| limit / 4);
    let mut next = Moment::ZERO;
    move || {
        let Some(every) = every else { return };
        let now = clock::now();
        if now >= next {
            next = now.after(every);
            // Whom systemd does not hear it restarts; there is nothing else to do about it.
            let _ = sd_notify::notify(&[NotifyState::Watchdog]);
        }
    }
}
