//! The fuzzer: libFuzzer's `main` with the target that the variable `FUZZ_TARGET` names.
//! `cargo xtask fuzz` builds and runs it.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|input: &[u8]| (target().run)(input));

#[cfg(fuzzing)]
fn target() -> fuzz::Target {
    use std::sync::LazyLock;

    static TARGET: LazyLock<fuzz::Target> = LazyLock::new(|| {
        let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target");
        fuzz::Target::find(&name).unwrap_or_else(|| panic!("there is no target {name:?}"))
    });
    *TARGET
}

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    #[expect(clippy::print_stderr, reason = "tells a user who ran it by hand")]
    {
        eprintln!("this was built without libFuzzer: use `cargo xtask fuzz`");
    }
    std::process::ExitCode::FAILURE
}
