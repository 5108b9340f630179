//! What systemd is asked over D-Bus: how a unit is, and a job with its end.

use futures_util::StreamExt as _;
use salve_core::text::{chain, line};
use salve_healer::Failure;
use zbus::connection::Builder;
use zbus::proxy::CacheProperties;
use zbus::{Connection, OwnedObjectPath, Proxy};

use super::Job;

const SYSTEMD: &str = "org.freedesktop.systemd1";

/// A connection to a manager.
pub(super) struct Manager(Connection);

/// How a unit is, in systemd's own words.
pub(super) struct State {
    pub(super) load: String,
    pub(super) active: String,
    pub(super) sub: String,
    /// Another one after each start; empty before the first.
    pub(super) invocation: String,
    /// How a service ended the last time.
    pub(super) result: Option<String>,
    pub(super) can: Can,
}

/// What may be asked of a unit.
pub(super) struct Can {
    pub(super) start: bool,
    pub(super) stop: bool,
    pub(super) reload: bool,
}

impl State {
    /// Whether it serves, or is about to.
    pub(super) fn is_up(&self) -> bool {
        is_up(&self.active)
    }

    /// Whether it is neither up nor on its way down.
    pub(super) fn is_down(&self) -> bool {
        matches!(self.active.as_str(), "inactive" | "failed")
    }

    /// For people.
    pub(super) fn words(&self) -> String {
        let result = self.result.as_deref().filter(|result| *result != "success");
        let result = result.map_or(String::new(), |result| format!(", its last result {result}"));
        line(&format!("{} ({}){result}", self.active, self.sub))
    }
}

/// Whether a unit in this state serves.
pub(super) fn is_up(active: &str) -> bool {
    matches!(active, "active" | "reloading" | "refreshing")
}

impl Manager {
    pub(super) async fn connect(address: Option<&str>) -> Result<Self, Failure> {
        let bus = match address {
            Some(address) => Builder::address(address),
            None => Builder::system(),
        };
        bus.build().await.map(Self).map_err(|error| failure(&error))
    }

    async fn proxy(&self) -> zbus::Result<Proxy<'_>> {
        Proxy::new(
            &self.0,
            SYSTEMD,
            "/org/freedesktop/systemd1",
            "org.freedesktop.systemd1.Manager",
        )
        .await
    }

    /// How the unit is.
    pub(super) async fn state(&self, unit: &str) -> Result<State, Failure> {
        self.look(unit).await.map_err(|error| failure(&error))
    }

    async fn look(&self, unit: &str) -> zbus::Result<State> {
        // Loaded, since a unit that failed long ago may have been forgotten.
        let path: OwnedObjectPath = self.proxy().await?.call("LoadUnit", &(unit,)).await?;
        let of = self.properties(&path, "Unit").await?;
        let invocation: Vec<u8> = of.get_property("InvocationID").await?;
        let result = if unit.ends_with(".service") {
            Some(self.properties(&path, "Service").await?.get_property("Result").await?)
        } else {
            None
        };
        Ok(State {
            load: of.get_property("LoadState").await?,
            active: of.get_property("ActiveState").await?,
            sub: of.get_property("SubState").await?,
            invocation: invocation.iter().map(|byte| format!("{byte:02x}")).collect(),
            result,
            can: Can {
                start: of.get_property("CanStart").await?,
                stop: of.get_property("CanStop").await?,
                reload: of.get_property("CanReload").await?,
            },
        })
    }

    async fn properties<'a>(
        &self,
        path: &'a OwnedObjectPath,
        kind: &str,
    ) -> zbus::Result<Proxy<'a>> {
        zbus::proxy::Builder::new(&self.0)
            .destination(SYSTEMD)
            .path(path)
            .interface(format!("{SYSTEMD}.{kind}"))
            .cache_properties(CacheProperties::No)
            .build()
            .await
    }

    /// Lets a unit start that has failed too often for systemd.
    pub(super) async fn forgive(&self, unit: &str) -> Result<(), Failure> {
        let forgiven = async { self.proxy().await?.call("ResetFailedUnit", &(unit,)).await };
        forgiven.await.map_err(|error: zbus::Error| failure(&error))
    }

    /// Asks for a job and waits for its end; says how it ended, which is `done` if it worked.
    pub(super) async fn run(&self, job: Job, unit: &str) -> Result<String, Failure> {
        let ended = async {
            let manager = self.proxy().await?;
            // Before the job is asked for, so that its end cannot be missed.
            let mut ends = manager.receive_signal("JobRemoved").await?;
            manager.call::<_, _, ()>("Subscribe", &()).await?;
            let asked: OwnedObjectPath = manager.call(job.method(), &(unit, "replace")).await?;
            while let Some(end) = ends.next().await {
                let body = end.body();
                let end = body.deserialize::<(u32, OwnedObjectPath, String, String)>();
                let (_, path, _, result) = end?;
                if path == asked {
                    return Ok(Some(result));
                }
            }
            zbus::Result::Ok(None)
        };
        let result = ended.await.map_err(|error| failure(&error))?;
        result.ok_or_else(|| Failure::transient("the bus was closed before the job ended"))
    }
}

/// Who is not allowed to, or asks for what is not there, is so the next time as well.
fn failure(error: &zbus::Error) -> Failure {
    let why = format!("systemd: {}", chain(error));
    let name = match error {
        zbus::Error::MethodError(name, ..) => name.as_str(),
        _ => "",
    };
    match name.rsplit('.').next() {
        Some(
            "AccessDenied"
            | "InteractiveAuthorizationRequired"
            | "NoSuchUnit"
            | "UnitMasked"
            | "InvalidArgs"
            | "LoadFailed"
            | "BadUnitSetting"
            | "JobTypeNotApplicable"
            | "OnlyByDependency",
        ) => Failure::permanent(why),
        _ => Failure::transient(why),
    }
}
