//! The recovery of a web site, as a chain of ready actions.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use salve_core::{Check, ConfigError, Name};
use salve_healer::{Action, ActionMeta, Failure};

use crate::command::{Program, Run};
use crate::http::{Call, Config as Http};
use crate::systemd::{Config as Unit, Job, UnitJob};
use crate::{Chain, Closure};

const ROOM: &str = "actions/site";

/// A site: its folder, the units that serve it, and a page that shows that it lives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Site {
    /// Its folder; an absolute path without `..`, at least two deep. Default none; needed.
    pub root: PathBuf,
    /// Whom its files belong to, as `www-data:www-data`. Default none, which leaves them alone; at most 128
    /// bytes without a leading `-`.
    pub owner: Option<String>,
    /// The unit that runs its code, restarted. Default `php-fpm.service`.
    pub workers: Unit,
    /// What says whether the server's settings are right. Default `/usr/sbin/nginx -t`.
    pub test: Program,
    /// The unit of the server, reloaded. Default `nginx.service`.
    pub server: Unit,
    /// A page that has to be answered with 200. Default none; needed. What a file leaves out of it is as
    /// [`new`](Self::new) sets it.
    #[cfg_attr(feature = "serde", serde(deserialize_with = "file::page"))]
    pub page: Http,
}

impl Default for Site {
    fn default() -> Self {
        Self::new(PathBuf::new(), Http::default())
    }
}

impl Site {
    /// The site in this folder, of which `page` is one.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>, page: Http) -> Self {
        Self {
            root: root.into(),
            owner: None,
            workers: Unit::new("php-fpm.service"),
            test: Program::new("/usr/sbin/nginx").with_args(["-t"]),
            server: Unit::new("nginx.service"),
            page: page.with_method("GET").with_statuses([200]).with_key_header(None),
        }
    }

    /// Sets whom its files belong to.
    #[must_use]
    pub fn with_owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    /// Sets the unit that runs its code.
    #[must_use]
    pub fn with_workers(mut self, unit: Unit) -> Self {
        self.workers = unit;
        self
    }

    /// Sets the unit of the server, and what says whether its settings are right.
    #[must_use]
    pub fn with_server(mut self, unit: Unit, test: Program) -> Self {
        (self.server, self.test) = (unit, test);
        self
    }

    /// The chain: the folder is there, its files belong to whom they should, the workers are restarted,
    /// the server's settings are right and are read again, and the page is answered.
    ///
    /// # Errors
    /// If a setting is out of bounds, or the page needs TLS: then the chain is to be built by hand,
    /// with a [`Call`] that was given a client.
    pub fn recovery(self, name: impl Into<Name>) -> Result<Chain, ConfigError> {
        let deep = self.root.components().filter(|it| matches!(it, Component::Normal(_))).count();
        let plain = self.root.components().all(|it| !matches!(it, Component::ParentDir));
        let fits = self.root.is_absolute() && plain && deep >= 2;
        let bound = "an absolute path without `..`, at least two deep";
        Check::room(ROOM).that("root", self.root.display(), fits, bound)?;
        let root = self.root.clone();
        let look = Closure::new("look_for_folder", move |_| look(root.clone()));
        let look = look.with_meta(ActionMeta::default().idempotent());
        let mut steps: Vec<Arc<dyn Action>> = vec![Arc::new(look)];
        if let Some(owner) = &self.owner {
            let fits = (1..=128).contains(&owner.len()) && !owner.starts_with('-');
            let bound = "an owner as `www-data:www-data`";
            Check::room(ROOM).that("owner", salve_core::text::line(owner), fits, bound)?;
            let root = self.root.display().to_string();
            // Links are not followed, and what they point at is left alone.
            let args = ["-R", "-h", "-P", "--", owner, &root];
            let give = Run::new("fix_owner", Program::new("/bin/chown").with_args(args))?;
            steps.push(Arc::new(give.with_meta(ActionMeta::default().idempotent())));
        }
        steps.push(Arc::new(UnitJob::new("restart_workers", Job::Restart, self.workers)?));
        let test = Run::new("test_settings", self.test)?;
        steps.push(Arc::new(test.with_meta(ActionMeta::default().idempotent())));
        steps.push(Arc::new(UnitJob::new("reload_server", Job::Reload, self.server)?));
        steps.push(Arc::new(Call::new("ask_for_page", self.page)?));
        Chain::new(name, steps)
    }
}

/// A page in a file: what it leaves out is as for a page, and not as for a call that does something.
#[cfg(feature = "serde")]
mod file {
    use std::time::Duration;

    use salve_core::{Address, Secret};
    use serde::{Deserialize, Deserializer};

    use super::{Http, Site};

    #[derive(Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Page {
        url: Address,
        method: String,
        headers: Vec<(String, Secret)>,
        body: Option<Secret>,
        statuses: Vec<u16>,
        #[serde(with = "salve_core::settings::optional")]
        key_header: Option<String>,
        #[serde(with = "salve_core::settings::duration")]
        timeout: Duration,
    }

    impl Default for Page {
        fn default() -> Self {
            let Http { url, method, headers, body, statuses, key_header, timeout } =
                Site::default().page;
            Self { url, method, headers, body, statuses, key_header, timeout }
        }
    }

    pub(super) fn page<'de, D: Deserializer<'de>>(from: D) -> Result<Http, D::Error> {
        let Page { url, method, headers, body, statuses, key_header, timeout } =
            Page::deserialize(from)?;
        Ok(Http { url, method, headers, body, statuses, key_header, timeout })
    }
}

async fn look(root: PathBuf) -> Result<Vec<String>, Failure> {
    let shown = root.display().to_string();
    let looking = tokio::task::spawn_blocking(move || Path::is_dir(&root)).await;
    if looking.is_ok_and(|it| it) {
        return Ok(vec![format!("{shown} is there")]);
    }
    Err(Failure::permanent(format!("{shown} is no folder")))
}
