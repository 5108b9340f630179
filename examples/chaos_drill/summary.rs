//! What happened, as plain data, and what is claimed about it. Shared with the test.

use serde::{Deserialize, Serialize};

/// Everything that `--json` writes.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Summary {
    pub(crate) tried: Vec<Tried>,
    /// Points that were still armed at the end.
    pub(crate) still_armed: usize,
    pub(crate) paused: Paused,
    pub(crate) killed: Killed,
    /// How all customers of each client fared.
    pub(crate) bare: Served,
    pub(crate) protected: Served,
}

/// How long an experiment may last that nothing ends early.
pub(crate) const LONGEST_MS: f64 = 12_000.0;

/// An experiment. Times are milliseconds.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Tried {
    pub(crate) name: String,
    pub(crate) client: String,
    pub(crate) hypothesis: String,
    pub(crate) held: bool,
    pub(crate) why: String,
    pub(crate) struck: u64,
    pub(crate) lasted_ms: f64,
    pub(crate) taken_back: bool,
}

/// What customers were told.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Served {
    pub(crate) asked: usize,
    pub(crate) fresh: usize,
    pub(crate) kept: usize,
    pub(crate) guessed: usize,
}

impl Served {
    fn share(&self, of: usize) -> f64 {
        of as f64 / self.asked.max(1) as f64
    }

    /// The share of those who were told a price.
    fn served(&self) -> f64 {
        self.share(self.fresh + self.kept + self.guessed)
    }
}

/// While Redis stood still.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Paused {
    pub(crate) customers: Served,
    /// What the healer did about it.
    pub(crate) actions: u64,
}

/// After Redis was killed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Killed {
    pub(crate) customers: Served,
    pub(crate) actions: u64,
    pub(crate) repaired: bool,
    /// When the first customer got a price of the store again.
    pub(crate) fresh_again_ms: Option<f64>,
}

/// Something that is said about the run, and whether it is so.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) text: String,
    pub(crate) holds: bool,
}

/// What is claimed.
pub(crate) fn claims(summary: &Summary) -> Vec<Claim> {
    let mut all = Vec::new();
    let mut claim = |text: String, holds: bool| all.push(Claim { text, holds });
    let Summary { tried, still_armed, paused, killed, bare, protected } = summary;
    for name in ["late", "failing", "hanging"] {
        for (client, holds) in [("bare", false), ("protected", true)] {
            let one = tried.iter().find(|it| it.name == name && it.client == client);
            let is = if holds { "held" } else { "did not hold, and was ended early" };
            let so = |it: &Tried| {
                it.held == holds && it.struck > 0 && (holds || it.lasted_ms < LONGEST_MS)
            };
            let text = one.map_or_else(String::new, |it| {
                format!("`{}` {is}: {} after {:.1} s", it.hypothesis, it.why, it.lasted_ms / 1e3)
            });
            claim(text, one.is_some_and(so));
        }
    }
    let taken_back = tried.len() == 6 && tried.iter().all(|it| it.taken_back);
    claim("after each experiment everything was taken back".to_owned(), taken_back);
    claim(format!("{still_armed} points were armed at the end"), *still_armed == 0);

    let percent = |share: f64| share * 100.0;
    let customers = &paused.customers;
    let (served, kept) = (customers.served(), customers.share(customers.kept));
    let text = format!(
        "while Redis stood still, {:.1} % of {} customers were told a price, {:.1} % one that was kept",
        percent(served),
        customers.asked,
        percent(kept)
    );
    claim(text, customers.asked >= 50 && served >= 0.99 && kept >= 0.8);
    let text = format!("the healer did {} things about what went by itself", paused.actions);
    claim(text, paused.actions == 0);

    let customers = &killed.customers;
    let text = format!(
        "Redis was killed, and repaired with {} action: the store's prices were back after {:.0} ms",
        killed.actions,
        killed.fresh_again_ms.unwrap_or(f64::INFINITY)
    );
    let soon = killed.fresh_again_ms.is_some_and(|after| after <= 5_000.0);
    claim(text, killed.repaired && killed.actions == 1 && soon);
    let text = format!("meanwhile {:.1} % of the customers were told a price", {
        percent(customers.served())
    });
    claim(text, customers.asked >= 100 && customers.served() >= 0.99);

    let (with, without) = (protected.served(), bare.served());
    let text = format!(
        "in all, {:.2} % of {} were served by the protected client, and {:.2} % of {} by the bare one",
        percent(with),
        protected.asked,
        percent(without),
        bare.asked
    );
    claim(text, with >= 0.99 && with > without && protected.asked >= 1_000);
    all
}
