//! Patches, and whether what they make is valid.

use serde_json::{Map, Value, json};

/// Merges `patch` into `into` as RFC 7396 says; strategically, lists of things with names are merged by name.
pub(super) fn merge(into: &mut Value, patch: &Value, strategic: bool) {
    let Value::Object(patch) = patch else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    let Some(into) = into.as_object_mut() else { return };
    for (key, value) in patch {
        match (into.get_mut(key), value) {
            (_, Value::Null) => drop(into.remove(key)),
            (Some(Value::Array(list)), Value::Array(items)) if strategic && key == "containers" => {
                by_name(list, items);
            }
            (Some(known), value) => merge(known, value, strategic),
            (None, value) => {
                let mut new = Value::Null;
                merge(&mut new, value, strategic);
                into.insert(key.clone(), new);
            }
        }
    }
}

fn by_name(list: &mut Vec<Value>, items: &[Value]) {
    for item in items {
        match list.iter_mut().find(|known| known["name"] == item["name"]) {
            Some(known) => merge(known, item, true),
            // As a real one does, which then has no image.
            None => list.push(item.clone()),
        }
    }
}

/// What a server would say against an object.
pub(super) fn validate(object: &Value) -> Result<(), String> {
    let pods =
        if object["kind"] == "Pod" { &object["spec"] } else { &object["spec"]["template"]["spec"] };
    let containers = pods["containers"].as_array();
    for (at, container) in containers.into_iter().flatten().enumerate() {
        let place = format!("spec.template.spec.containers[{at}]");
        if container["image"].as_str().is_none_or(str::is_empty) {
            return Err(format!("{place}.image: Required value"));
        }
        let resources = &container["resources"];
        for (name, limit) in resources["limits"].as_object().into_iter().flatten() {
            let limit = quantity(limit).ok_or(format!("{place}.resources.limits: no quantity"))?;
            let request = quantity(&resources["requests"][name]);
            if request.is_some_and(|request| request > limit) {
                return Err(format!(
                    "{place}.resources.requests: must be at most the {name} limit"
                ));
            }
        }
    }
    Ok(())
}

/// A quantity in thousandths.
fn quantity(value: &Value) -> Option<u64> {
    if *value == json!(null) {
        return None;
    }
    let text = value.as_str()?;
    let digits = text.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let number: u64 = digits.parse().ok()?;
    Some(match &text[digits.len()..] {
        "m" => number,
        "" => number * 1_000,
        "Ki" => (number * 1_000) << 10,
        "Mi" => (number * 1_000) << 20,
        "Gi" => (number * 1_000) << 30,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_as_the_servers_do() {
        let object = json!({
            "kind": "Deployment",
            "metadata": { "annotations": { "a": "1" } },
            "spec": { "template": { "spec": { "containers": [
                { "name": "one", "image": "i", "resources": { "limits": { "cpu": "1" } } },
                { "name": "two", "image": "i" },
            ] } } },
        });
        let patch = json!({
            "metadata": { "annotations": { "a": null, "b": "2" } },
            "spec": { "template": { "spec": { "containers": [
                { "name": "two", "resources": { "limits": { "memory": "1Gi", "cpu": null } } },
            ] } } },
        });
        let mut merged = object.clone();
        merge(&mut merged, &patch, true);
        assert_eq!(merged["metadata"]["annotations"], json!({ "b": "2" }));
        let containers = &merged["spec"]["template"]["spec"]["containers"];
        assert_eq!(containers[0], object["spec"]["template"]["spec"]["containers"][0]);
        assert_eq!(containers[1]["resources"], json!({ "limits": { "memory": "1Gi" } }));
        assert_eq!(validate(&merged), Ok(()));

        // Not strategically a list is replaced.
        let mut merged = object.clone();
        merge(&mut merged, &patch, false);
        assert_eq!(
            merged["spec"]["template"]["spec"]["containers"].as_array().map(Vec::len),
            Some(1)
        );
        assert!(validate(&merged).is_err(), "it has no image");

        let mut merged = object;
        let containers = &mut merged["spec"]["template"]["spec"]["containers"];
        containers[0]["resources"]["requests"] = json!({ "cpu": "1500m" });
        assert!(validate(&merged).unwrap_err().contains("at most the cpu limit"));
    }
}
