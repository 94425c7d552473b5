//! A node's view from `/node.json`, and the comparison of several views.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A node's view of the cluster.
#[derive(Debug, Deserialize)]
pub(crate) struct View {
    pub(crate) name: String,
    replicas: Vec<Replica>,
    topics: Vec<TopicCount>,
}

/// A node's presences, as this node or another holds them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Replica {
    pub(crate) name: String,
    incarnation: String,
    state: String,
    pub(crate) presences: usize,
    check: String,
}

#[derive(Debug, Deserialize)]
struct TopicCount {
    name: String,
    count: usize,
}

/// The number of keys of each topic.
pub(crate) type KeyCounts = BTreeMap<String, usize>;

impl View {
    pub(crate) fn counts(&self) -> KeyCounts {
        let topics = self.topics.iter();
        topics
            .map(|topic| (topic.name.clone(), topic.count))
            .collect()
    }

    /// Returns the state of the node of this name, or `None` if the view does not contain it.
    pub(crate) fn state_of(&self, name: &str) -> Option<&str> {
        let mut replicas = self.replicas.iter();
        let replica = replicas.find(|replica| replica.name == name && replica.state != "in grace");
        replica.map(|replica| replica.state.as_str())
    }

    /// Returns the replica of the node itself.
    pub(crate) fn own(&self) -> Option<&Replica> {
        let mut replicas = self.replicas.iter();
        replicas.find(|replica| replica.name == self.name)
    }

    /// Returns whether the node shows exactly these presences of `replica`'s node.
    pub(crate) fn shows(&self, replica: &Replica) -> bool {
        let held = (&*replica.incarnation, replica.presences, &*replica.check);
        self.shown().get(&*replica.name) == Some(&held)
    }

    /// Returns the replicas that are shown: incarnation, size and check number of each, by name.
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

/// Returns the first difference between these views, or between a view and `truth`. Returns `None`
/// if they agree.
pub(crate) fn disagreement(views: &[View], truth: &KeyCounts) -> Option<String> {
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
    fn a_view_shows_what_another_node_holds_itself() {
        let (a, b) = (view("a", "y", 2), view("b", "y", 2));
        let own = b.own().unwrap();
        assert_eq!(own.name, "b");
        assert!(a.shows(own));
        assert!(!view("a", "z", 2).shows(own));
    }

    #[test]
    fn views_agree_or_it_is_said_where_they_differ() {
        let truth = KeyCounts::from([("t".to_owned(), 2)]);
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
