//! `cargo phx completions <shell>`: a script that completes the command line.

use clap_complete::Shell;

use crate::console::Console;

/// The end of the help.
pub(crate) const EXAMPLES: &str = "\
The scripts for bash, zsh and fish complete `cargo phx` and `cargo-phx`, the others `cargo-phx`:
  bash  read the script at the start: bash finds no script of `cargo phx` by itself
  zsh   write it to a folder of $fpath; cargo's own script `_cargo` must be in one, too
  fish  write it to conf.d, which fish reads at the start

Examples:
  echo 'source <(cargo phx completions bash)' >> ~/.bashrc
  cargo phx completions zsh > ~/.zfunc/_cargo-phx
  cargo phx completions fish > ~/.config/fish/conf.d/cargo-phx.fish";

/// Completes `cargo phx` in bash, and leaves other subcommands to cargo's own completion, which is
/// loaded first where bash-completion knows it.
const BASH: &str = r#"
_cargo_with_phx() {
    if [[ ${COMP_WORDS[1]} == phx && $COMP_CWORD -gt 1 ]]; then
        COMP_WORDS=(cargo-phx "${COMP_WORDS[@]:2}")
        ((COMP_CWORD--))
        _cargo__phx cargo-phx "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
        return
    fi
    if ! declare -F _cargo > /dev/null; then
        local load
        for load in _comp_load __load_completion; do
            declare -F $load > /dev/null && $load cargo && break
        done
        complete -F _cargo_with_phx -o bashdefault -o default cargo
    fi
    if declare -F _cargo > /dev/null; then
        _cargo "$@"
    fi
}
complete -F _cargo_with_phx -o bashdefault -o default cargo
"#;

/// Completes `cargo phx` in fish, as `cargo-phx` would be.
const FISH: &str = r#"
function __fish_cargo_phx_as_subcommand
    set -l words (commandline -opc) (commandline -ct)
    complete -C "cargo-phx $words[3..]"
end
complete -c cargo -n '__fish_seen_subcommand_from phx' -f -a '(__fish_cargo_phx_as_subcommand)'
"#;

pub(crate) fn run(
    shell: Shell,
    mut command: clap::Command,
    console: &mut Console,
) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "cargo-phx", &mut script);
    let mut script = String::from_utf8(script)?;
    // zsh needs no more: cargo's own script calls `_cargo-phx`.
    match shell {
        Shell::Bash => {
            // clap_complete 4.6 has two names for a subcommand of a program with a hyphen: one
            // where the script finds the subcommand, another where it lists what can follow.
            script = script.replace("cargo__subcmd__phx", "cargo__phx");
            script.push_str(BASH);
        }
        Shell::Fish => script.push_str(FISH),
        _ => {}
    }
    console.line(script.trim_end())
}
