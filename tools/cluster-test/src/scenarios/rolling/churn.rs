//! Users who join, stay for a while, and leave, all the time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::Error;
use tokio::time::sleep;

use super::Departures;
use crate::member::{Home, Member, Page};

/// The time between two joins.
const PERIOD: Duration = Duration::from_millis(50);
/// The number of users who stay at once. Of more users, the oldest leaves.
const STAYING: usize = 100;

pub(super) struct Churn {
    home: Home,
    rooms: usize,
    came: usize,
    staying: VecDeque<Member>,
    outcome: Outcome,
}

/// The users who joined.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) stayed: Vec<Member>,
    /// The pages of the users who left, with their keys and topics.
    pub(super) pages: Vec<(String, String, Page)>,
    pub(super) left: Departures,
}

impl Churn {
    pub(super) fn new(home: Home, rooms: usize) -> Self {
        Self {
            home,
            rooms,
            came: 0,
            staying: VecDeque::new(),
            outcome: Outcome::default(),
        }
    }

    /// Runs until it is dropped, or returns the first error.
    pub(super) async fn run(&mut self) -> Error {
        loop {
            sleep(PERIOD).await;
            let key = format!("passer-{}", self.came);
            let room = format!("room:{}", self.came % self.rooms);
            self.came += 1;
            let member = Member::start(self.home.clone(), &key, &room);
            self.staying.push_back(member);
            if self.staying.len() > STAYING
                && let Some(leaver) = self.staying.pop_front()
            {
                let (key, topic) = (leaver.key.clone(), leaver.topic.clone());
                let left = Instant::now();
                self.outcome.left.insert((topic.clone(), key.clone()), left);
                match leaver.leave().await {
                    Ok(page) => self.outcome.pages.push((key, topic, page)),
                    Err(error) => return error,
                }
            }
        }
    }

    /// Ends the churn. The users who have not left stay.
    pub(super) async fn end(mut self) -> anyhow::Result<Outcome> {
        for member in self.staying {
            member
                .until("its list", |page| page.presence.is_synced())
                .await?;
            self.outcome.stayed.push(member);
        }
        Ok(self.outcome)
    }
}
