//! `cargo phx completions <shell>`: a script that completes the command line.

use clap_complete::Shell;

use crate::console::Console;

/// The end of the help.
pub(crate) const EXAMPLES: &str = "\
Examples:
  cargo phx completions bash > ~/.local/share/bash-completion/completions/cargo-phx
  cargo phx completions zsh > ~/.zfunc/_cargo-phx
  cargo phx completions fish > ~/.config/fish/completions/cargo-phx.fish";

/// Completes `cargo phx` in bash, and leaves other subcommands to cargo's own completion.
const CARGO_PHX: &str = r#"
_cargo_with_phx() {
    if [[ ${COMP_WORDS[1]} == phx ]]; then
        COMP_WORDS=(cargo-phx "${COMP_WORDS[@]:2}")
        ((COMP_CWORD--))
        _cargo-phx cargo-phx "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
    elif declare -F _cargo > /dev/null; then
        _cargo "$@"
    fi
}
complete -F _cargo_with_phx -o bashdefault -o default cargo
"#;

pub(crate) fn run(
    shell: Shell,
    mut command: clap::Command,
    console: &mut Console,
) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "cargo-phx", &mut script);
    if shell == Shell::Bash {
        script.extend_from_slice(CARGO_PHX.as_bytes());
    }
    console.line(String::from_utf8(script)?.trim_end())
}
