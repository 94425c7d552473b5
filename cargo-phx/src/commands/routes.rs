//! `cargo phx routes`: the sockets, their topics, channels and events, read from the source.

use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Expr, ExprMethodCall, Lit};

use super::Options;
use crate::console::Console;
use crate::source::{Source, chain, handlers, routes};
use crate::wiring::Wiring;
use crate::wiring::removal::uses::code_files;

/// The end of the help.
pub(crate) const EXAMPLES: &str = "\
Examples:
  cargo phx routes
  cargo phx routes --manifest-path web/Cargo.toml";

pub(crate) fn run(options: &Options, console: &mut Console) -> anyhow::Result<()> {
    let wiring = Wiring::new(options.project(console)?);
    let mut app = App::default();
    for path in code_files(&wiring.project.root) {
        let text = wiring.plan.read(&path)?.unwrap_or_default();
        let words = ["UserSocket", "Channel", ".socket"];
        if !words.iter().any(|word| text.contains(word)) {
            continue;
        }
        match Source::parse(&path, &text) {
            Ok(source) => app.read(&path, &wiring.module_of(&path), &source),
            Err(error) => app.unread.push(error.to_string()),
        }
    }
    for line in app.table() {
        console.line(line)?;
    }
    Ok(())
}

/// The sockets, routes and events of an app, and the lines that were not read.
#[derive(Default)]
struct App {
    sockets: Vec<Socket>,
    mounts: Vec<Mount>,
    channels: Vec<Channel>,
    unread: Vec<String>,
}

struct Socket {
    name: String,
    path: PathBuf,
    routes: Vec<Route>,
}

struct Route {
    topics: String,
    channel: String,
    /// The path of the channel, as the socket's file imports or writes it.
    import: String,
    line: usize,
}

struct Mount {
    socket: String,
    url: String,
    place: String,
}

struct Channel {
    name: String,
    /// The path from the crate root.
    import: String,
    events: Vec<String>,
}

impl App {
    fn read(&mut self, path: &Path, module: &str, source: &Source) {
        for name in routes::sockets(source) {
            let routes = self.routes(path, source, &name);
            self.sockets.push(Socket {
                name,
                path: path.to_path_buf(),
                routes,
            });
        }
        for (name, _) in handlers::channels(source) {
            let events = handlers::events(source, &name);
            for line in events.unread {
                self.not_read(path, source, line);
            }
            let events = events.known.into_iter().map(|event| event.name).collect();
            self.channels.push(Channel {
                import: format!("{module}::{name}"),
                name,
                events,
            });
        }
        let mut mounts = Mounts { calls: Vec::new() };
        mounts.visit_file(&source.file);
        for call in mounts.calls {
            let line = source.line(source.range(&call.method).start);
            let socket = chain::type_argument(call);
            match (socket, call.args.first().and_then(text)) {
                (Some(socket), Some(url)) => self.mounts.push(Mount {
                    socket,
                    url,
                    place: place(path, line),
                }),
                (Some(_), None) => self.not_read(path, source, line),
                _ => {}
            }
        }
    }

    fn routes(&mut self, path: &Path, source: &Source, socket: &str) -> Vec<Route> {
        let Some(function) = routes::routes_function(source, socket) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for call in routes::routes(function) {
            let line = source.line(source.range(&call.method).start);
            match (chain::type_argument(call), call.args.first().and_then(text)) {
                (Some(channel), Some(topics)) => found.push(Route {
                    import: routes::import_of(source, call).unwrap_or_default(),
                    topics,
                    channel,
                    line,
                }),
                _ => self.not_read(path, source, line),
            }
        }
        found
    }

    fn not_read(&mut self, path: &Path, source: &Source, line: usize) {
        let text = source.text().lines().nth(line - 1).unwrap_or_default();
        self.unread
            .push(format!("{}: {}", place(path, line), text.trim()));
    }

    /// Returns the channel of a route. Modules may have channels of the same name.
    fn channel_of(&self, route: &Route) -> Option<&Channel> {
        let import = route.import.strip_prefix("crate::");
        let imported = |channel: &&Channel| Some(&*channel.import) == import;
        let named = |channel: &&Channel| channel.name == route.channel;
        let mut channels = self.channels.iter();
        // A channel that is imported from elsewhere than its module has its name alone.
        channels
            .clone()
            .find(imported)
            .or_else(|| channels.find(named))
    }

    /// Returns the lines to print: for each socket its mounts, then its routes in columns.
    fn table(&self) -> Vec<String> {
        if self.sockets.is_empty() {
            return vec![
                "The project has no socket. Make one with `cargo phx gen socket User`.".into(),
            ];
        }
        let mut rows: Vec<[String; 4]> = Vec::new();
        for socket in &self.sockets {
            let mounts = self
                .mounts
                .iter()
                .filter(|mount| mount.socket == socket.name);
            let mut mounts = mounts.peekable();
            if mounts.peek().is_none() {
                let path = socket.path.display().to_string().replace('\\', "/");
                rows.push([
                    "(not mounted)".into(),
                    socket.name.clone(),
                    String::new(),
                    path,
                ]);
            }
            for mount in mounts {
                let (url, name) = (mount.url.clone(), socket.name.clone());
                rows.push([url, name, String::new(), mount.place.clone()]);
            }
            for route in &socket.routes {
                let events = self
                    .channel_of(route)
                    .map(|channel| channel.events.join(", "));
                rows.push([
                    format!("  {}", route.topics),
                    route.channel.clone(),
                    events.unwrap_or_default(),
                    place(&socket.path, route.line),
                ]);
            }
        }
        let width = |column: usize| {
            let widths = rows.iter().map(|row| row[column].chars().count());
            widths.max().unwrap_or_default()
        };
        let widths = [width(0), width(1), width(2)];
        let mut lines: Vec<String> = rows
            .iter()
            .map(|[first, second, third, place]| {
                let [a, b, c] = widths;
                format!("{first:a$}  {second:b$}  {third:c$}  {place}")
            })
            .collect();
        if !self.unread.is_empty() {
            lines.push("\nNot read, because only the running app knows it:\n".to_owned());
            lines.extend(self.unread.iter().map(|unread| format!("    {unread}")));
        }
        lines
    }
}

/// Finds the calls that mount sockets.
struct Mounts<'s> {
    calls: Vec<&'s ExprMethodCall>,
}

impl<'s> Visit<'s> for Mounts<'s> {
    fn visit_expr_method_call(&mut self, call: &'s ExprMethodCall) {
        if call.method == "socket" || call.method == "socket_with" {
            self.calls.push(call);
        }
        visit::visit_expr_method_call(self, call);
    }
}

/// Returns the text of a string literal.
fn text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

fn place(path: &Path, line: usize) -> String {
    format!("{}:{line}", path.display()).replace('\\', "/")
}
