//! What is expected of a body: a text, or values in JSON.

use serde_json::Value;

/// A value that has to stand in a JSON body.
///
/// The pointer is that of RFC 6901, with `*` besides for every element of an array or an object, of which
/// there has to be one at least: `/nodes/*/status`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct JsonRule {
    /// Where it stands.
    pub pointer: String,
    /// What it is: the text of a string, or the JSON of anything else.
    pub equals: String,
}

impl JsonRule {
    /// Whether it holds of `json`; else why not.
    pub(super) fn look_for(&self, json: &Value) -> Result<(), String> {
        let Some(steps) = self.pointer.strip_prefix('/') else { return self.compare(json) };
        let steps: Vec<String> =
            steps.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
        self.walk(json, &steps)
    }

    fn walk(&self, json: &Value, steps: &[String]) -> Result<(), String> {
        let Some((step, rest)) = steps.split_first() else { return self.compare(json) };
        let missing = || format!("`{}` is not in the body", self.pointer);
        let each = |elements: &mut dyn Iterator<Item = &Value>| {
            let mut any = false;
            for element in elements {
                any = true;
                self.walk(element, rest)?;
            }
            if any { Ok(()) } else { Err(missing()) }
        };
        match (json, step.as_str()) {
            (Value::Array(all), "*") => each(&mut all.iter()),
            (Value::Object(all), "*") => each(&mut all.values()),
            (Value::Array(all), step) => {
                let element = step.parse::<usize>().ok().and_then(|at| all.get(at));
                self.walk(element.ok_or_else(missing)?, rest)
            }
            (Value::Object(all), step) => self.walk(all.get(step).ok_or_else(missing)?, rest),
            _ => Err(missing()),
        }
    }

    fn compare(&self, found: &Value) -> Result<(), String> {
        let text = match found {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if text == self.equals {
            return Ok(());
        }
        Err(format!("`{}` is {text}, not {}", self.pointer, self.equals))
    }
}

/// Whether `text` stands somewhere in `body`.
pub(super) fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|part| part == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(pointer: &str, equals: &str, json: &str) -> Result<(), String> {
        let rule = JsonRule { pointer: pointer.into(), equals: equals.into() };
        rule.look_for(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn a_pointer_finds_its_value() {
        let json = r#"{"a": [{"b/c": "yes"}, {"~": 3}], "": null}"#;
        assert_eq!(look("/a/0/b~1c", "yes", json), Ok(()));
        assert_eq!(look("/a/1/~0", "3", json), Ok(()));
        assert_eq!(look("/", "null", json), Ok(()));
        assert_eq!(look("", "true", "true"), Ok(()));
        assert_eq!(look("/a/2", "x", json), Err("`/a/2` is not in the body".into()));
        assert_eq!(look("/a/0/b~1c/d", "x", json), Err("`/a/0/b~1c/d` is not in the body".into()));
    }

    #[test]
    fn a_star_asks_it_of_every_element_and_of_one_at_least() {
        let nodes = |one: &str, two: &str| {
            let json = format!(r#"{{"nodes": [{{"status": "{one}"}}, {{"status": "{two}"}}]}}"#);
            look("/nodes/*/status", "HEALTHY", &json)
        };
        assert_eq!(nodes("HEALTHY", "HEALTHY"), Ok(()));
        let wrong = "`/nodes/*/status` is UNHEALTHY, not HEALTHY";
        assert_eq!(nodes("HEALTHY", "UNHEALTHY"), Err(wrong.into()));
        assert!(look("/nodes/*/status", "HEALTHY", r#"{"nodes": []}"#).is_err());
        assert_eq!(look("/*/up", "true", r#"{"a": {"up": true}}"#), Ok(()));
    }

    #[test]
    fn a_text_is_found_anywhere() {
        assert!(contains(b"it is ready", b"ready") && contains(b"", b""));
        assert!(!contains(b"it is read", b"ready"));
    }
}
