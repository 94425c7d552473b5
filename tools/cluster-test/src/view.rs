//! What a node sees, as `/node.json` says it, and whether several see the same.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A node's view.
#[derive(Debug, Deserialize)]
pub(crate) struct View {
    pub(crate) name: String,
    replicas: Vec<Replica>,
    topics: Vec<Topic>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Replica {
    name: String,
    incarnation: String,
    state: String,
    presences: usize,
    check: String,
}

#[derive(Debug, Deserialize)]
struct Topic {
    name: String,
    count: usize,
}

/// Topics, with how many keys each has.
pub(crate) type Counts = BTreeMap<String, usize>;

impl View {
    pub(crate) fn counts(&self) -> Counts {
        let topics = self.topics.iter();
        topics
            .map(|topic| (topic.name.clone(), topic.count))
            .collect()
    }

    /// How it sees the node of this name.
    pub(crate) fn state_of(&self, name: &str) -> Option<&str> {
        let mut replicas = self.replicas.iter();
        let replica = replicas.find(|replica| replica.name == name && replica.state != "in grace");
        replica.map(|replica| replica.state.as_str())
    }

    /// All replicas that it shows: start, size and check of each, by name.
    fn shown(&self) -> BTreeMap<&str, (&str, usize, &str)> {
        let shown = self
            .replicas
            .iter()
            .filter(|replica| matches!(replica.state.as_str(), "me" | "up" | "suspect"));
        shown
            .map(|replica| {
                let what = (&*replica.incarnation, replica.presences, &*replica.check);
                (&*replica.name, what)
            })
            .collect()
    }
}

/// Why these views are not one and the same, of all these nodes and of `truth`. `None`: they are.
pub(crate) fn disagreement(views: &[View], truth: &Counts) -> Option<String> {
    for view in views {
        let shown = view.shown();
        if shown.len() != views.len() {
            return Some(format!(
                "{} shows {:?}",
                view.name,
                shown.keys().collect::<Vec<_>>()
            ));
        }
        for (name, what) in &shown {
            let origin = views.iter().find(|view| view.name == *name);
            let own = origin.and_then(|origin| origin.shown().get(name).copied());
            if own != Some(*what) {
                return Some(format!(
                    "{} holds {what:?} of {name}, which has {own:?}",
                    view.name
                ));
            }
        }
        let counts = view.counts();
        if counts != *truth {
            let wrong = counts
                .iter()
                .find(|(topic, count)| truth.get(*topic) != Some(count));
            return Some(format!(
                "{} counts {} topics of {}, wrong is {wrong:?}",
                view.name,
                counts.len(),
                truth.len()
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn view(name: &str, check_of_b: &str, count: usize) -> View {
        let replica = |other: &str, check: &str| {
            let state = if other == name { "me" } else { "up" };
            json!({ "name": other, "incarnation": "1", "state": state, "presences": 1, "check": check })
        };
        let json = json!({
            "name": name,
            "replicas": [replica("a", "x"), replica("b", check_of_b)],
            "topics": [{ "name": "t", "count": count }],
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn views_agree_or_it_is_said_where_they_differ() {
        let truth = Counts::from([("t".to_owned(), 2)]);
        let disagreement = |a, b| disagreement(&[a, b], &truth);
        assert_eq!(disagreement(view("a", "y", 2), view("b", "y", 2)), None);
        let held = disagreement(view("a", "z", 2), view("b", "y", 2)).unwrap();
        assert!(held.starts_with("a holds"), "{held}");
        let ghost = disagreement(view("a", "y", 2), view("b", "y", 3)).unwrap();
        assert!(ghost.starts_with("b counts"), "{ghost}");
        let mut alone = view("a", "y", 2);
        alone.replicas.pop();
        assert!(disagreement(alone, view("b", "y", 2)).is_some());
    }
}
