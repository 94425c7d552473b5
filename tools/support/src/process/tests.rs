use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;

use super::*;

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]).stdout(Stdio::piped());
    command
}

fn line(process: &mut Process) -> String {
    let mut line = String::new();
    let mut output = BufReader::new(process.take_stdout().expect("the output is piped"));
    output.read_line(&mut line).expect("the child prints text");
    line.trim().to_owned()
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let error = Process::spawn(&mut Command::new("no-such-program"), "the program").unwrap_err();
    assert_eq!(error.to_string(), "cannot start the program");
}

#[test]
fn a_child_that_has_ended_is_not_signalled() {
    let mut process = Process::spawn(&mut shell("exit 3"), "sh").unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(3));
    assert_eq!(process.try_wait().unwrap().unwrap().code(), Some(3));
    let error = process.signal(Signal::TERM).unwrap_err().to_string();
    assert!(error.starts_with("sh has ended"), "{error}");
    assert_eq!(process.kill().unwrap().code(), Some(3));
}

#[test]
fn dropping_kills_the_child() {
    let process = Process::spawn(&mut shell("exec sleep 600"), "sh").unwrap();
    let id = process.id();
    drop(process);
    assert!(rustix::process::test_kill_process(pid(id)).is_err());
}

#[test]
fn dropping_a_group_ends_what_the_child_started() {
    let mut leader = Process::spawn_group(&mut shell("sleep 600 & echo $!; wait"), "sh").unwrap();
    let grandchild = line(&mut leader).parse().unwrap();
    drop(leader);
    let end = Instant::now() + Duration::from_secs(10);
    while is_running(grandchild) {
        assert!(
            Instant::now() < end,
            "process {grandchild} outlived its parent"
        );
        thread::sleep(POLL);
    }
}

#[test]
fn a_child_that_ignores_the_request_is_killed() {
    let script = "trap '' TERM; echo ready; while :; do sleep 1; done";
    let mut process = Process::spawn_group(&mut shell(script), "sh").unwrap();
    assert_eq!(line(&mut process), "ready");
    let status = process.stop(Duration::from_millis(100)).unwrap();
    assert_eq!(status.signal(), Some(Signal::KILL.as_raw()));
}

#[test]
fn a_child_that_obeys_the_request_ends_in_order() {
    let script = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done";
    let mut process = Process::spawn(&mut shell(script), "sh").unwrap();
    assert_eq!(line(&mut process), "ready");
    assert_eq!(
        process.stop(Duration::from_secs(60)).unwrap().code(),
        Some(7)
    );
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(id.try_into().expect("a process number")).expect("not zero")
}

/// Returns whether the process runs. A zombie does not run.
#[cfg(target_os = "linux")]
fn is_running(process: u32) -> bool {
    crate::usage::is_running(process)
}

#[cfg(not(target_os = "linux"))]
fn is_running(process: u32) -> bool {
    rustix::process::test_kill_process(pid(process)).is_ok()
}
