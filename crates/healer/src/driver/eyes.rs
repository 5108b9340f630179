//! Looks at a convicted target and at the witnesses, as often as it takes, before something drastic.

use std::sync::Arc;
use std::time::Duration;

use salve_core::{Name, clock};
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};

use super::crew::NotReady;
use crate::look::{Looked, Looks, SecondLook};
use crate::policy::Calm;

/// Everything that the looks before one action need.
pub(super) struct Eyes {
    pub(super) look: Arc<dyn SecondLook>,
    pub(super) looks: Looks,
    pub(super) witnesses: Vec<Name>,
    pub(super) calm: Calm,
    /// How long one look may take; then it has said nothing.
    pub(super) each: Duration,
    /// How long all looks together may take; then the conviction stands.
    pub(super) patience: Duration,
}

impl Eyes {
    /// Whether the conviction stands; if not, why.
    pub(super) async fn look(self, target: &Name) -> Result<(), NotReady> {
        let patience = self.patience;
        timeout(patience, self.look_until_sure(target)).await.unwrap_or(Ok(()))
    }

    async fn look_until_sure(mut self, target: &Name) -> Result<(), NotReady> {
        loop {
            let began = clock::now();
            let own = timeout(self.each, self.look.is_well(target));
            let (own, witnesses) = tokio::join!(own, self.witnesses());
            let answers: Vec<_> = witnesses.iter().map(|(_, well)| *well).collect();
            match self.looks.take(own.ok().flatten(), &answers, &self.calm) {
                Looked::Ill => return Ok(()),
                Looked::Well => return Err(NotReady::Well),
                Looked::Blind => {
                    let failing = witnesses.into_iter().filter(|(_, well)| *well == Some(false));
                    return Err(NotReady::Blind(failing.map(|(name, _)| name).collect()));
                }
                Looked::Again(pause) => sleep_until(clock::instant(began.after(pause))).await,
            }
        }
    }

    /// A witness at which nobody can look has nothing to say.
    async fn witnesses(&self) -> Vec<(Name, Option<bool>)> {
        let mut set = JoinSet::new();
        for name in self.witnesses.clone() {
            let (look, each) = (Arc::clone(&self.look), self.each);
            set.spawn(async move {
                let well = timeout(each, look.is_well(&name)).await.ok().flatten();
                (name, well)
            });
        }
        let mut answers = Vec::new();
        while let Some(answer) = set.join_next().await {
            answers.extend(answer.ok());
        }
        answers
    }
}
