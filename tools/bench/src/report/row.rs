use serde_json::{Value, json};
use support::quantiles::Samples;

use crate::{
    child::Program,
    scenario::{Frames, Measured, Scenario},
};

/// The unit of ratios; figures are whole numbers or have three decimals.
const FINE: f64 = 1e-6;
const PERCENTILES: [(&str, f64); 5] = [
    ("p50", 50.0),
    ("p90", 90.0),
    ("p99", 99.0),
    ("p99.9", 99.9),
    ("max", 100.0),
];

/// A scenario's figures of all servers, ours first.
pub(super) struct Row {
    scenario: Scenario,
    servers: Vec<Server>,
}

/// The latencies of each round, in microseconds: a percentile each.
struct Percentiles([Samples; PERCENTILES.len()]);

/// The figures of one server.
struct Server {
    program: Program,
    figures: Samples,
    /// Our figure divided by this one, of each round.
    ratios: Samples,
    frames_per_packet: Samples,
    /// At half of the throughput, or beside what the scenario names.
    latencies: Percentiles,
    /// As `latencies`, of the measured clients alone.
    alone: Percentiles,
    /// Of the round with the most frames for its bound.
    frames: Option<Frames>,
}

impl Row {
    pub(super) fn new(scenario: Scenario, programs: &[Program]) -> Self {
        let server = |program: &Program| Server {
            program: *program,
            figures: Samples::new(1e-3),
            ratios: Samples::new(FINE),
            frames_per_packet: Samples::new(FINE),
            latencies: Percentiles::new(),
            alone: Percentiles::new(),
            frames: None,
        };
        Self {
            scenario,
            servers: programs.iter().map(server).collect(),
        }
    }

    /// Adds a round: a measurement for each server.
    pub(super) fn add(&mut self, round: Vec<Measured>) {
        let ours = round[0].figure;
        for (server, measured) in self.servers.iter_mut().zip(round) {
            server.figures.add(measured.figure);
            server.ratios.add(ours / measured.figure);
            server.frames_per_packet.extend(measured.frames_per_packet);
            server.latencies.add(measured.latencies);
            server.alone.add(measured.alone);
            let share = |frames: &Frames| frames.delivered as f64 / frames.most as f64;
            let worst = [server.frames, measured.frames].into_iter().flatten();
            server.frames = worst.max_by(|one, other| share(one).total_cmp(&share(other)));
        }
    }

    pub(super) fn has_latencies(&self) -> bool {
        let mut servers = self.servers.iter();
        servers.any(|server| !server.latencies.is_empty())
    }

    pub(super) fn print_figures(&self) {
        let (name, unit) = (self.scenario.name(), self.scenario.unit());
        let better = match self.scenario.is_cost() {
            true => ", less is better",
            false => "",
        };
        for server in &self.servers {
            let (program, ratios) = (server.program.name(), &server.ratios);
            let figure = shown(server.figures.median());
            let ratio = match server.program {
                Program::Ours => " | | ".to_owned(),
                _ => format!(
                    "{:.2} | {:.2} | {:.2}",
                    ratios.median(),
                    ratios.min(),
                    ratios.max()
                ),
            };
            let packed = match server.frames_per_packet.is_empty() {
                true => String::new(),
                false => format!("{:.2}", server.frames_per_packet.median()),
            };
            println!("| {name} | {unit}{better} | {program} | {figure} | {ratio} | {packed} |");
            if let Some(Frames { delivered, most }) = server.frames {
                println!("| {name} | frames, at most {most} | {program} | {delivered} | | | | |");
            }
        }
    }

    pub(super) fn print_latencies(&self) {
        let name = self.scenario.name();
        for server in &self.servers {
            let program = server.program.name();
            for (latencies, alone) in [(&server.alone, ", alone"), (&server.latencies, "")] {
                if !latencies.is_empty() {
                    let all = latencies.medians();
                    let all = all.map(|(_, latency)| format!("{latency:.0}"));
                    println!("| {name}{alone} | {program} | {} |", all.join(" | "));
                }
            }
        }
    }

    pub(super) fn json(&self) -> Value {
        let servers = self.servers.iter().map(Server::json);
        json!({
            "scenario": self.scenario.name(),
            "unit": self.scenario.unit(),
            "servers": servers.collect::<Vec<_>>(),
        })
    }
}

impl Percentiles {
    fn new() -> Self {
        Self(std::array::from_fn(|_| Samples::new(1.0)))
    }

    /// Adds a round, if latencies were measured in it.
    fn add(&mut self, measured: Option<Samples>) {
        let Some(measured) = measured else { return };
        for (samples, (_, percent)) in self.0.iter_mut().zip(PERCENTILES) {
            samples.add(measured.percentile(percent) * 1e6);
        }
    }

    fn is_empty(&self) -> bool {
        self.0[0].is_empty()
    }

    /// Returns the name of each percentile and its median of all rounds.
    fn medians(&self) -> [(&'static str, f64); PERCENTILES.len()] {
        std::array::from_fn(|number| (PERCENTILES[number].0, self.0[number].median()))
    }
}

impl Server {
    fn json(&self) -> Value {
        let mut json = json!({
            "server": self.program.name(),
            "figure": thousandths(self.figures.median()),
        });
        if self.program != Program::Ours {
            json["ratio"] = thousandths(self.ratios.median()).into();
        }
        if !self.frames_per_packet.is_empty() {
            json["frames_per_packet"] = thousandths(self.frames_per_packet.median()).into();
        }
        for (latencies, name) in [
            (&self.latencies, "latency_us"),
            (&self.alone, "latency_alone_us"),
        ] {
            if !latencies.is_empty() {
                let all = latencies.medians().into_iter();
                let all = all.map(|(name, latency)| (name.to_owned(), latency.into()));
                json[name] = all.collect::<serde_json::Map<_, _>>().into();
            }
        }
        if let Some(Frames { delivered, most }) = self.frames {
            json["frames"] = json!({ "delivered": delivered, "at_most": most });
        }
        json
    }
}

fn thousandths(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// Small figures have three decimals.
fn shown(figure: f64) -> String {
    match figure < 100.0 {
        true => format!("{figure:.3}"),
        false => format!("{figure:.0}"),
    }
}
