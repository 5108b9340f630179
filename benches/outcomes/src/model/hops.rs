//! A front between clients and replicas: each attempt that reaches a node of it becomes a request
//! of the node's own.

use super::event::Answer;
use super::fate::Fate;
use super::request::{Attempt, AttemptId, Origin, Request, RequestId};
use super::world::World;

impl World {
    /// Whether `replica` is a node of the front, and which.
    pub(super) const fn node(&self, replica: u32) -> Option<u32> {
        replica.checked_sub(self.scenario.all_replicas())
    }

    /// Whether what `caller` sends goes to the front.
    pub(crate) const fn calls_front(&self, caller: u32) -> bool {
        self.scenario.beyond.front && caller < self.scenario.clients
    }

    /// An attempt has reached a node, which asks for the same further on. The deadline is handed
    /// down; the node does not learn that a caller gave up.
    pub(super) fn hand_on(&mut self, attempt: AttemptId, node: u32) -> RequestId {
        let Attempt { request: root, .. } = self.attempts[attempt as usize];
        let request = Request {
            client: self.scenario.clients + node,
            arrives: self.now,
            origin: Origin::Front { attempt, root },
            ..*self.request(root)
        };
        self.add_request(request)
    }

    /// Something new is asked for now.
    pub(super) fn add_request(&mut self, request: Request) -> RequestId {
        let id = self.requests.len() as RequestId;
        self.requests.push(Request { id, ..request });
        self.fates.push(Fate::default());
        id
    }

    /// The request that a caller outside waits for.
    pub(super) fn root(&self, request: RequestId) -> RequestId {
        match self.request(request).origin {
            Origin::Front { root, .. } => root,
            Origin::Open | Origin::User(_) => request,
        }
    }

    /// A request has ended: whoever waits for it hears of that.
    pub(super) fn over(&mut self, request: RequestId) {
        let fate = &self.fates[request as usize];
        let (answered, rejected) = (fate.answered.is_some(), fate.rejected);
        match self.request(request).origin {
            Origin::Open => {}
            Origin::User(user) => self.served(user, answered),
            Origin::Front { attempt, .. } => {
                let answer = match (answered, rejected) {
                    (true, _) => Answer::Success,
                    // As a service says that it sheds load: 503.
                    (false, true) => Answer::Busy,
                    (false, false) => Answer::Error,
                };
                self.answer(attempt, 0, answer);
            }
        }
    }
}
