//! A program that runs, and the end of what it says.

use std::collections::VecDeque;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Child;

/// A program that runs; with it goes its whole group.
pub(super) struct Running(Option<Child>);

/// The end of what a program has said.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(super) said: Tail,
    complained: Tail,
}

impl Output {
    /// What a program that has failed says about it.
    pub(crate) fn complaint(&self) -> String {
        let mut words = self.complained.lines();
        if words.is_empty() {
            words = self.said.lines();
        }
        words.join("; ")
    }
}

#[derive(Debug, Default)]
pub(super) struct Tail {
    bytes: VecDeque<u8>,
    /// How many came before.
    left_out: u64,
}

impl Tail {
    async fn read(from: Option<impl AsyncRead + Unpin>, most: usize) -> Self {
        let mut tail = Self::default();
        let Some(mut from) = from else { return tail };
        let mut part = vec![0; 8 * 1024];
        while let Ok(count @ 1..) = from.read(&mut part).await {
            tail.bytes.extend(&part[..count]);
            let over = tail.bytes.len().saturating_sub(most);
            tail.bytes.drain(..over);
            tail.left_out += over as u64;
        }
        tail
    }

    /// Its lines without control characters.
    pub(super) fn lines(&self) -> Vec<String> {
        let (front, back) = self.bytes.as_slices();
        let bytes = [front, back].concat();
        let text = String::from_utf8_lossy(&bytes);
        let plain = |line: &str| -> String { line.chars().filter(|it| !it.is_control()).collect() };
        let mut lines: Vec<String> =
            text.lines().map(plain).filter(|line| !line.trim().is_empty()).collect();
        if self.left_out > 0 {
            lines.insert(0, format!("({} bytes before this are left out)", self.left_out));
        }
        lines
    }
}

impl Running {
    pub(super) const fn new(child: Child) -> Self {
        Self(Some(child))
    }

    pub(super) async fn read(&mut self, most: usize) -> Output {
        let (said, complained) = match &mut self.0 {
            Some(child) => (child.stdout.take(), child.stderr.take()),
            None => (None, None),
        };
        // Both at once: a program that fills one pipe would wait for ever for its reader.
        let (said, complained) = tokio::join!(Tail::read(said, most), Tail::read(complained, most));
        Output { said, complained }
    }

    pub(super) async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        let Some(child) = &mut self.0 else { return Err(std::io::ErrorKind::NotFound.into()) };
        let status = child.wait().await?;
        // What it has started and left behind may be the very thing it was called for.
        self.0 = None;
        Ok(status)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // Its number is its own until it is waited for, which it was not.
            let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
            if let Some(group) = group {
                let _ = kill_process_group(group, Signal::KILL);
            }
            let _ = child.start_kill();
        }
    }
}
