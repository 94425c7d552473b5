//! Users who come, stay for a while, and leave for good, all the time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::Error;
use tokio::time::sleep;

use super::Departures;
use crate::member::{Home, Member, Page};

/// How often somebody comes.
const PERIOD: Duration = Duration::from_millis(50);
/// How many stay at once; the one that has been there longest goes.
const STAYING: usize = 100;

pub(super) struct Churn {
    home: Home,
    rooms: usize,
    came: usize,
    staying: VecDeque<Member>,
    outcome: Outcome,
}

/// What has become of them.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) stayed: Vec<Member>,
    /// The pages of those who left, with their keys and topics.
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

    /// Goes on until it is dropped, or something breaks.
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

    /// Those who are there now stay.
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
