//! The client settings that reach a private SSH server, and nothing else.

use openssh::{ControlPersist, KnownHosts, SessionBuilder};
use salve_testkit::servers::Sshd;

/// How to reach this server; nothing of the user's own settings, agent or known hosts is read.
pub(crate) fn client(sshd: &Sshd) -> (SessionBuilder, String) {
    let mut builder = SessionBuilder::default();
    builder
        .user(sshd.user().to_owned())
        .port(sshd.port())
        .keyfile(sshd.dir().join("id"))
        .config_file("none")
        .user_known_hosts_file(sshd.dir().join("known"))
        .known_hosts_check(KnownHosts::Strict)
        .control_directory(sshd.dir())
        // Should we be killed, the master that `ssh` leaves in the background ends by itself.
        .control_persist(ControlPersist::IdleFor(std::num::NonZeroUsize::MIN.saturating_add(1)));
    (builder, "127.0.0.1".to_owned())
}
