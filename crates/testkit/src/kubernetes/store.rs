//! The objects of a cluster, and what becomes of them.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

/// Everything there is.
#[derive(Debug, Default)]
pub(super) struct Store {
    objects: BTreeMap<(String, String), Value>,
    /// Versions and uids that were given away.
    last: u64,
    pub(super) forbidden: Vec<(String, String)>,
    pub(super) failing: VecDeque<u16>,
    pub(super) interfering: usize,
    pub(super) requests: Vec<String>,
    pub(super) effects: Vec<String>,
}

impl Store {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(super) fn put(&mut self, plural: &str, mut object: Value) {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        object["metadata"]["namespace"] = json!("shop");
        object["metadata"]["uid"] = json!(format!("uid-{}", self.next()));
        object["metadata"]["resourceVersion"] = json!(self.next().to_string());
        object["metadata"]["generation"] = json!(1);
        object["apiVersion"] = json!(if plural == "pods" { "v1" } else { "apps/v1" });
        object["kind"] = json!(match plural {
            "pods" => "Pod",
            "deployments" => "Deployment",
            "statefulsets" => "StatefulSet",
            _ => "DaemonSet",
        });
        self.objects.insert((plural.to_owned(), name), object);
    }

    pub(super) fn find(&self, plural: &str, name: &str) -> Option<&Value> {
        self.objects.get(&(plural.to_owned(), name.to_owned()))
    }

    pub(super) fn names(&self, plural: &str) -> Vec<String> {
        self.objects.keys().filter(|it| it.0 == plural).map(|it| it.1.clone()).collect()
    }

    pub(super) fn edit(&mut self, plural: &str, name: &str, edit: impl FnOnce(&mut Value)) {
        let mut object = self.find(plural, name).expect("an object of this name").clone();
        edit(&mut object);
        self.replace(plural, name, object);
    }

    /// Keeps a changed object: a new version, and another generation if its specification has changed.
    pub(super) fn replace(&mut self, plural: &str, name: &str, mut object: Value) -> Value {
        let key = (plural.to_owned(), name.to_owned());
        let before = self.objects.get(&key).cloned().unwrap_or_default();
        if before == object {
            return object;
        }
        if before["spec"] != object["spec"] {
            let generation = before["metadata"]["generation"].as_u64().unwrap_or_default() + 1;
            object["metadata"]["generation"] = json!(generation);
        }
        object["metadata"]["resourceVersion"] = json!(self.next().to_string());
        self.objects.insert(key, object.clone());
        object
    }

    /// Removes a pod; its controller makes another one: of the same name, if it is a stateful set.
    pub(super) fn delete(&mut self, plural: &str, name: &str) {
        let Some(gone) = self.objects.remove(&(plural.to_owned(), name.to_owned())) else { return };
        let owner = &gone["metadata"]["ownerReferences"][0];
        let metadata = json!({ "ownerReferences": gone["metadata"]["ownerReferences"] });
        let mut new = json!({ "metadata": metadata, "spec": gone["spec"] });
        new["status"] = json!({ "phase": "Pending" });
        new["metadata"]["name"] = match owner["kind"].as_str() {
            Some("StatefulSet") => json!(name),
            Some(_) => json!(format!("{name}-{}", self.last + 1)),
            None => return,
        };
        self.put(plural, new);
    }

    pub(super) fn settle(&mut self, plural: &str, name: &str) {
        self.edit(plural, name, |it| {
            if plural == "pods" {
                let ready = json!([{ "type": "Ready", "status": "True" }]);
                it["status"] = json!({ "phase": "Running", "conditions": ready });
                return;
            }
            let all = it["spec"]["replicas"].as_u64().unwrap_or(1);
            it["status"] = json!({
                "observedGeneration": it["metadata"]["generation"],
                "replicas": all, "updatedReplicas": all, "readyReplicas": all, "availableReplicas": all,
                "desiredNumberScheduled": all, "updatedNumberScheduled": all, "numberAvailable": all,
            });
        });
    }
}
