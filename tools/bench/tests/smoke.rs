//! The loads run, and the figures are those of loads that ran.

use std::process::{Command, Output};

use serde_json::Value;

fn bench(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench"));
    command.args(arguments).output().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_run_prints_the_figures_of_each_server() {
    for (only, against) in [("fan-out w8", "floor"), ("large 1 MiB", "tungstenite")] {
        let output = bench(&[
            "run", "--smoke", "--rounds", "1", "--cores", "all", "--only", only,
        ]);
        assert!(output.status.success(), "{output:?}");
        let row = &lines(&output)[0]["runs"][0]["rows"][0];
        assert_eq!(row["scenario"], only);
        let [ours, other] = &row["servers"].as_array().unwrap()[..] else {
            panic!("not two servers: {row}");
        };
        assert_eq!(
            (&ours["server"], &other["server"]),
            (&"ours".into(), &against.into())
        );
        for figure in [&ours["figure"], &other["figure"], &other["ratio"]] {
            assert!(figure.as_f64().unwrap() > 0.0, "{row}");
        }
        if against == "floor" {
            // The floor has a write for each frame. Packets of other programs are counted, too.
            let frames = other["frames_per_packet"].as_f64().unwrap();
            assert!(frames > 0.0 && frames < 2.0, "{row}");
            let latency = &ours["latency_us"];
            assert!(latency["p50"].as_f64() <= latency["max"].as_f64(), "{row}");
            assert!(latency["max"].as_f64().unwrap() > 0.0, "{row}");
        }
    }
}

#[test]
fn neighbours_are_measured_beside_a_room_and_alone() {
    let output = bench(&[
        "run",
        "--smoke",
        "--rounds",
        "1",
        "--cores",
        "all",
        "--only",
        "neighbour",
    ]);
    assert!(output.status.success(), "{output:?}");
    let row = &lines(&output)[0]["runs"][0]["rows"][0];
    let ours = &row["servers"][0];
    let p99 = |latencies: &str| ours[latencies]["p99"].as_f64().unwrap();
    // The handler awaits a millisecond.
    assert!(p99("latency_alone_us") >= 1_000.0, "{row}");
    let ratio = p99("latency_us") / p99("latency_alone_us");
    let figure = ours["figure"].as_f64().unwrap();
    assert!((figure / ratio - 1.0).abs() < 0.01, "{row}");
}

#[test]
fn a_soak_prints_each_interval_and_whether_it_was_flat() {
    let output = bench(&[
        "soak",
        "--sockets",
        "60",
        "--minutes",
        "0.025",
        "--interval",
        "0.3",
        "--churn",
        "20",
    ]);
    let lines = lines(&output);
    let [intervals @ .., verdict] = &lines[..] else {
        panic!("{output:?}");
    };
    assert_eq!(intervals.len(), 5);
    for interval in intervals {
        assert_eq!(interval["sockets"], 60);
        assert!(interval["replaced"].as_u64().unwrap() > 0, "{interval}");
        assert!(interval["pings"].as_u64().unwrap() > 0, "{interval}");
    }
    // A busy machine is not flat for a second.
    let is_flat = verdict["flat"].as_bool().unwrap();
    assert_eq!(output.status.success(), is_flat, "{output:?}");
}

#[test]
fn a_soak_too_short_to_judge_is_refused() {
    let output = bench(&["soak", "--sockets", "10", "--minutes", "0.1"]);
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("too few"), "{error}");
}
