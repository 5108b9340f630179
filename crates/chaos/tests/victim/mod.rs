//! A process that does nothing, for tests of what is done to processes.

use std::process::{Child, Command, Stdio};

/// It is gone with this value.
pub(crate) struct Victim(pub(crate) Child);

impl Victim {
    pub(crate) fn new() -> Self {
        Self(Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.state() == Some('T')
    }

    #[allow(dead_code, reason = "not every test kills")]
    pub(crate) fn is_dead(&self) -> bool {
        self.state() == Some('Z')
    }

    /// What the kernel says of it in a letter.
    fn state(&self) -> Option<char> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        stat.rsplit_once(')').unwrap().1.trim_start().chars().next()
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
