//! The function that waits for the signal to stop.

use syn::{Item, ItemFn, ReturnType};

use super::find::{Found, Level};
use crate::source::Source;

/// Waits for ctrl-c and, on Unix, for SIGTERM. `cargo phx new` writes the same function.
const SHUTDOWN: &str = "\
/// Returns on ctrl-c, and on Unix also on SIGTERM.
async fn NAME() {
    let ctrl_c = async { tokio::signal::ctrl_c().await.expect(\"ctrl-c is handled\") };

    #[cfg(unix)]
    let terminate = async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).expect(\"SIGTERM is handled\");
        terminate.recv().await;
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();

    tokio::select! {
        () = ctrl_c => {}
        () = terminate => {}
    }
}";

/// The signal to stop, as code.
pub(super) struct Signal {
    /// A call that returns a future, such as `shutdown()`.
    pub(super) call: String,
    /// The function to add, or `None` if the file has it.
    pub(super) function: Option<String>,
}

/// Returns the file's function that waits for a signal, else a new one.
pub(super) fn find(source: &Source, found: &Found) -> Signal {
    let module = found.scope.iter().rev().find_map(|level| match level {
        Level::Item(Item::Mod(module)) => Some(module.content.as_ref().map(|(_, items)| items)),
        _ => None,
    });
    let items = module.flatten().unwrap_or(&source.file.items);
    let present = items.iter().find_map(|item| match item {
        Item::Fn(item) if waits(source, item) => Some(item.sig.ident.to_string()),
        _ => None,
    });
    if let Some(name) = present {
        return Signal {
            call: format!("{name}()"),
            function: None,
        };
    }
    let names = ["shutdown", "shutdown_signal", "stop_signal"];
    let name = names
        .into_iter()
        .find(|name| !has_word(source.text(), name))
        .unwrap_or("wait_for_stop_signal");
    Signal {
        call: format!("{name}()"),
        function: Some(SHUTDOWN.replace("NAME", name)),
    }
}

/// Returns whether a function takes nothing, returns nothing, and waits for ctrl-c or SIGTERM.
fn waits(source: &Source, item: &ItemFn) -> bool {
    let signature = &item.sig;
    let text = source.slice(&item.block);
    signature.asyncness.is_some()
        && signature.inputs.is_empty()
        && signature.ident != "main"
        && matches!(signature.output, ReturnType::Default)
        && ["ctrl_c()", "SignalKind"]
            .iter()
            .any(|wait| text.contains(wait))
        && !text.contains("serve(")
}

pub(super) fn has_word(text: &str, word: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part)
    })
}
