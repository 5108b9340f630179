//! What is answered to a request.

use serde_json::{Value, json};

use super::patch;
use super::store::Store;

/// A request.
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) content_type: &'a str,
    pub(super) accept: &'a str,
    pub(super) body: &'a [u8],
}

/// What is answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

/// Where an object is, and which part of it is meant.
struct Place<'a> {
    plural: &'a str,
    name: &'a str,
    scale: bool,
}

type Refusal = (u16, &'static str, String);

fn refuse<T>(status: u16, reason: &'static str, why: impl Into<String>) -> Result<T, Refusal> {
    Err((status, reason, why.into()))
}

pub(super) fn answer(store: &mut Store, asked: &Asked<'_>) -> Answer {
    let mark = if asked.query.is_empty() { "" } else { "?" };
    store.requests.push(format!("{} {}{mark}{}", asked.method, asked.path, asked.query));
    match respond(store, asked) {
        Ok(body) => Answer { status: 200, body },
        Err((status, reason, message)) => {
            let mut body = json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": message, "reason": reason, "code": status,
            });
            if status == 429 {
                body["details"] = json!({ "retryAfterSeconds": 1 });
            }
            Answer { status, body }
        }
    }
}

fn respond(store: &mut Store, asked: &Asked<'_>) -> Result<Value, Refusal> {
    if let Some(status) = store.failing.pop_front() {
        return refuse(status, "TooManyRequests", "it is told to fail");
    }
    let place = place(asked.path)?;
    let verb = asked.method.to_lowercase();
    if store.forbidden.contains(&(verb.clone(), place.plural.to_owned())) {
        let why = format!("{} \"{}\" is forbidden: cannot {verb}", place.plural, place.name);
        return refuse(403, "Forbidden", why);
    }
    let found = store.find(place.plural, place.name).cloned();
    let missing = || (404, "NotFound", format!("{} \"{}\" not found", place.plural, place.name));
    let found = found.ok_or_else(missing)?;
    let writes = matches!(asked.method, "PATCH" | "DELETE");
    if writes && store.interfering > 0 {
        store.interfering -= 1;
        store.edit(place.plural, place.name, |it| {
            let times = it["metadata"]["labels"]["touched"].as_str().unwrap_or_default().len();
            it["metadata"]["labels"]["touched"] = json!("x".repeat(times + 1));
        });
    }
    let found = store.find(place.plural, place.name).cloned().unwrap_or(found);
    match asked.method {
        "GET" if !asked.query.is_empty() => refuse(400, "BadRequest", "unknown parameters"),
        "GET" if place.scale => Ok(scale_of(&found)),
        "GET" => Ok(found),
        "PATCH" => change(store, asked, &place, &found),
        "DELETE" if place.plural == "pods" => delete(store, asked, &place, &found),
        _ => refuse(405, "MethodNotAllowed", "the server does not allow this method"),
    }
}

fn place(path: &str) -> Result<Place<'_>, Refusal> {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts[..] {
        ["api", "v1", "namespaces", "shop", "pods", name] => {
            Ok(Place { plural: "pods", name, scale: false })
        }
        ["apis", "apps", "v1", "namespaces", "shop", plural, name]
            if matches!(plural, "deployments" | "statefulsets" | "daemonsets") =>
        {
            Ok(Place { plural, name, scale: false })
        }
        ["apis", "apps", "v1", "namespaces", "shop", plural, name, "scale"]
            if matches!(plural, "deployments" | "statefulsets") =>
        {
            Ok(Place { plural, name, scale: true })
        }
        _ => refuse(404, "NotFound", "the server could not find the requested resource"),
    }
}

fn scale_of(object: &Value) -> Value {
    let metadata = &object["metadata"];
    let part = |name: &str| metadata[name].clone();
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": part("name"), "namespace": part("namespace"), "uid": part("uid"),
            "resourceVersion": part("resourceVersion"),
        },
        "spec": { "replicas": object["spec"]["replicas"] },
        "status": { "replicas": object["status"]["replicas"].as_u64().unwrap_or_default() },
    })
}

/// Whether it is a dry run, by the parameters of a change.
fn dry_run(query: &str) -> Result<bool, Refusal> {
    let mut dry = false;
    let mut manager = false;
    for pair in query.split('&').filter(|it| !it.is_empty()) {
        match pair.split_once('=') {
            Some(("dryRun", "All")) => dry = true,
            Some(("fieldManager", name)) if !name.is_empty() && name.len() <= 128 => manager = true,
            _ => return refuse(400, "BadRequest", format!("unknown parameter {pair}")),
        }
    }
    // A real server makes one up from the client's name. Here it has to say who it is.
    if manager { Ok(dry) } else { refuse(400, "BadRequest", "no fieldManager") }
}

fn conflict<T>(place: &Place<'_>, why: &str) -> Result<T, Refusal> {
    refuse(409, "Conflict", format!("Operation cannot be fulfilled on \"{}\": {why}", place.name))
}

/// Compares what a client expects of an object with what it is.
fn preconditions(place: &Place<'_>, expected: &Value, found: &Value) -> Result<(), Refusal> {
    for field in ["resourceVersion", "uid"] {
        let (wanted, is) = (&expected[field], &found["metadata"][field]);
        if !wanted.is_null() && wanted != is {
            return conflict(place, &format!("{field} is {is}, not {wanted}"));
        }
    }
    Ok(())
}

fn change(
    store: &mut Store,
    asked: &Asked<'_>,
    place: &Place<'_>,
    found: &Value,
) -> Result<Value, Refusal> {
    let strategic = match asked.content_type {
        "application/strategic-merge-patch+json" if !place.scale => true,
        "application/merge-patch+json" => false,
        other => return refuse(415, "UnsupportedMediaType", format!("the body is {other}")),
    };
    if asked.accept != "application/json" {
        return refuse(406, "NotAcceptable", "only application/json is answered");
    }
    let dry = dry_run(asked.query)?;
    let unread = |error: serde_json::Error| (400, "BadRequest", error.to_string());
    let mut wanted: Value = serde_json::from_slice(asked.body).map_err(unread)?;
    if !wanted.is_object() {
        return refuse(400, "BadRequest", "a patch is an object");
    }
    preconditions(place, &wanted["metadata"], found)?;
    let mut changed = found.clone();
    if place.scale {
        let replicas = &wanted["spec"]["replicas"];
        let Some(replicas) = replicas.as_u64().filter(|it| i32::try_from(*it).is_ok()) else {
            return refuse(422, "Invalid", "spec.replicas: must be 0 or more");
        };
        changed["spec"]["replicas"] = json!(replicas);
    } else {
        // What a server keeps for itself.
        if let Some(wanted) = wanted.as_object_mut() {
            wanted.remove("status");
        }
        for field in ["resourceVersion", "uid"] {
            if let Some(metadata) = wanted["metadata"].as_object_mut() {
                metadata.remove(field);
            }
        }
        patch::merge(&mut changed, &wanted, strategic);
        if changed["metadata"]["name"] != found["metadata"]["name"] {
            return refuse(422, "Invalid", "metadata.name: field is immutable");
        }
        patch::validate(&changed).or_else(|why| refuse(422, "Invalid", why))?;
    }
    if dry {
        return Ok(if place.scale { scale_of(&changed) } else { changed });
    }
    if changed != *found {
        let part = if place.scale { "/scale" } else { "" };
        store.effects.push(format!("patch {}/{}{part}", place.plural, place.name));
    }
    let kept = store.replace(place.plural, place.name, changed);
    Ok(if place.scale { scale_of(&kept) } else { kept })
}

fn delete(
    store: &mut Store,
    asked: &Asked<'_>,
    place: &Place<'_>,
    found: &Value,
) -> Result<Value, Refusal> {
    if asked.content_type != "application/json" || !asked.query.is_empty() {
        return refuse(415, "UnsupportedMediaType", "options come as a body of application/json");
    }
    let unread = |error: serde_json::Error| (400, "BadRequest", error.to_string());
    let options: Value = serde_json::from_slice(asked.body).map_err(unread)?;
    let known = ["apiVersion", "kind", "dryRun", "gracePeriodSeconds", "preconditions"];
    let unknown = options.as_object().into_iter().flatten().find(|it| !known.contains(&&**it.0));
    if let Some((name, _)) = unknown {
        return refuse(400, "BadRequest", format!("unknown option {name}"));
    }
    preconditions(place, &options["preconditions"], found)?;
    match &options["dryRun"] {
        Value::Null => {
            store.effects.push(format!("delete {}/{}", place.plural, place.name));
            store.delete(place.plural, place.name);
        }
        dry if *dry == json!(["All"]) => {}
        other => return refuse(422, "Invalid", format!("dryRun: {other}")),
    }
    Ok(found.clone())
}
