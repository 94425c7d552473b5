//! The code that the wiring writes around a server that stays.

use syn::{Expr, ExprCall};

use crate::source::serve::{BOUNDED, BOUNDED_NAMES, NODELAY};
use crate::source::{Source, paths};

/// Returns the name of the file's function that bounds the end of a server.
pub(super) fn bounded_name(source: &Source) -> Option<&'static str> {
    let (comment, _) = BOUNDED.split_once('\n')?;
    let mut names = BOUNDED_NAMES.iter().copied();
    source.text().contains(comment).then_some(())?;
    names.find(|name| {
        source
            .text()
            .contains(&format!("async fn {name}<S>(server: S)"))
    })
}

/// Returns whether the code of a function, without white space, is that of `BOUNDED`.
pub(super) fn is_bounded(code: &str, name: &str) -> bool {
    let written: String = BOUNDED.replace("NAME", name).split_whitespace().collect();
    let parts = written.split_once("SIGNAL");
    parts.is_some_and(|(start, end)| code.starts_with(start) && code.ends_with(end))
}

/// Returns whether the wiring has put a call around its first argument: the call that bounds a
/// server, or the one that sets `TCP_NODELAY`.
pub(super) fn is_wrapper(source: &Source, call: &ExprCall, bounded: Option<&str>) -> bool {
    let Expr::Path(path) = &*call.func else {
        return false;
    };
    let taps = || {
        call.args.len() == 2
            && paths::ends_with(&path.path, &["ListenerExt", "tap_io"])
            && source.slice(&call.args[1]).contains(NODELAY)
    };
    bounded.is_some_and(|name| path.path.is_ident(name)) || taps()
}

/// Returns the code of a server, without the call around its listener that sets `TCP_NODELAY`.
pub(super) fn unwrapped(source: &Source, server: &Expr) -> String {
    let code = source.slice(server);
    if let Expr::Call(serve) = server
        && let Some(Expr::Call(listener)) = serve.args.first()
        && is_wrapper(source, listener, None)
        && let Some(wrapped) = listener.args.first()
    {
        return code.replacen(source.slice(listener), source.slice(wrapped), 1);
    }
    code.to_owned()
}
