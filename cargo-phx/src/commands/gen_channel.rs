//! `cargo phx gen channel Room`: a channel with its test, routed to by a socket.

use std::path::PathBuf;

use clap::Args;
use tera::Context;

use super::{Options, gen_socket};
use crate::console::Console;
use crate::events::{self, Event};
use crate::hint::hinted;
use crate::manifest::Dependency;
use crate::names::{Component, Name};
use crate::source::routes::{self, NewRoute};
use crate::source::{Source, modules, state, user};
use crate::topics::Topics;
use crate::wiring::Wiring;
use crate::wiring::sockets::SocketFile;

/// The section of the long help about events.
pub(crate) const EVENTS: &str = "\
Events:
  typing                       an event without fields
  new_msg:body:string,to:int?  fields, each with its type; `?` makes a field optional
  photo:data:bytes             one field of bytes: a binary message

  The types are string, int, float, bool, json and bytes. Each event gets a handler, which sends the
  message to everyone in the topic, with the sender's user_id from the socket. Without events the
  channel answers `ping`, and only the server broadcasts.";

/// The end of the help.
pub(crate) const EXAMPLES: &str = "\
Examples:
  cargo phx gen channel Notifications
  cargo phx gen channel Room shout:body:string
  cargo phx gen channel Room new_msg:body:string,reply_to:int? typing
  cargo phx gen channel Admin.Room --topic 'admin:*' --socket Admin";

/// An event that clients may send, as an example.
const EVENT: &str = "shout:body:string";

/// The arguments of `gen channel`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// The name, without `Channel`: `Room`, or `Admin.Room` for a channel in `channels/admin/`
    name: String,
    /// Events that clients may send: `name`, or `name:field:type,field:type` (see --help)
    #[arg(value_name = "EVENT")]
    events: Vec<String>,
    /// The topics, instead of the name's: `'chat:*'`, or a whole topic
    #[arg(long, value_name = "PATTERN")]
    topic: Option<String>,
    /// Do not track who has joined, though the app has a presence
    #[arg(long)]
    no_presence: bool,
    /// The socket that the channel belongs to, without `Socket`, if the app has several
    #[arg(long)]
    socket: Option<String>,
}

pub(crate) fn run(
    arguments: &Arguments,
    options: &Options,
    console: &mut Console,
) -> anyhow::Result<()> {
    let name = Name::parse(Component::Channel, &arguments.name)?;
    let wanted = arguments.socket.as_deref();
    let wanted = wanted
        .map(|socket| Name::parse(Component::Socket, socket))
        .transpose()?;
    let topics = arguments.topic.as_deref().map(Topics::parse).transpose()?;
    // Wrong events are found before any question is asked.
    events::parse(&arguments.events, &[])?;
    let mut wiring = Wiring::new(options.project(console)?);
    let (socket, connect) = match wiring.find_socket(wanted.as_ref())? {
        Some(socket) => (socket, None),
        None => {
            let (socket, connect) = offer_socket(&mut wiring, wanted, console)?;
            (socket, Some(connect))
        }
    };
    let topics = match topics {
        Some(topics) => topics,
        None => present_topics(&wiring, &socket, &name)?.unwrap_or_else(|| Topics::of(&name)),
    };
    let names = [name.type_name(), socket.name.clone()];
    let channel = NewChannel {
        events: events::parse(&arguments.events, &names)?,
        presence: if arguments.no_presence {
            None
        } else {
            presence_field(&wiring)?
        },
        name,
        topics,
        socket,
    };
    channel.check_topics(&wiring, arguments.topic.is_some())?;
    channel.generate(&mut wiring)?;
    if let Some(connect) = connect {
        wiring.plan.further_step(&connect);
    }
    options.carry_out(&wiring.finish(), console)
}

/// Returns the topics that the socket routes to the channel, if it exists already.
fn present_topics(
    wiring: &Wiring,
    socket: &SocketFile,
    name: &Name,
) -> anyhow::Result<Option<Topics>> {
    let text = wiring.plan.read(&socket.path)?.unwrap_or_default();
    let source = Source::parse(&socket.path, &text)?;
    let own = routes::patterns(&source, &socket.name)
        .into_iter()
        .find(|route| route.import == name.import());
    Ok(own.and_then(|route| Topics::parse(&route.pattern).ok()))
}

/// Asks whether to create a socket: a channel's types name one. Returns also how a page connects to
/// it.
fn offer_socket(
    wiring: &mut Wiring,
    wanted: Option<Name>,
    console: &mut Console,
) -> anyhow::Result<(SocketFile, String)> {
    let name = match wanted {
        Some(name) => name,
        None => Name::parse(Component::Socket, "User")?,
    };
    let socket = name.type_name();
    let question = format!("The project has no {socket}, and a channel needs a socket. Create it?");
    if !console.confirm(&question, true)? {
        return Err(hinted(
            "a channel needs a socket, so nothing was written",
            format!(
                "make one with `cargo phx gen socket {}` first",
                name.typed()
            ),
        ));
    }
    let mount = wiring.create_socket(&name)?;
    let connect = gen_socket::connect(wiring, &name, &mount)?;
    let path = wiring.source_path(&name.file());
    let socket = SocketFile {
        module: name.module_path(),
        name: socket,
        path,
    };
    Ok((socket, connect))
}

/// A channel to generate.
pub(crate) struct NewChannel {
    pub(crate) name: Name,
    pub(crate) topics: Topics,
    pub(crate) events: Vec<Event>,
    pub(crate) socket: SocketFile,
    /// The field of the state that holds the presence.
    pub(crate) presence: Option<String>,
}

impl NewChannel {
    fn route(&self) -> NewRoute {
        NewRoute {
            channel: self.name.type_name(),
            import: self.name.import(),
            pattern: self.topics.pattern().to_owned(),
        }
    }

    /// Rejects topics that never reach the channel, because an earlier route takes them.
    fn check_topics(&self, wiring: &Wiring, chosen: bool) -> anyhow::Result<()> {
        let path = &self.socket.path;
        let text = wiring.plan.read(path)?.unwrap_or_default();
        let source = Source::parse(path, &text)?;
        let import = self.name.import();
        let pattern = self.topics.pattern();
        for route in routes::patterns(&source, &self.socket.name) {
            let own = route.import == import;
            if own && chosen && route.pattern != pattern {
                return Err(hinted(
                    format!(
                        "{} has the topics \"{}\" in {} already",
                        self.name.type_name(),
                        route.pattern,
                        path.display()
                    ),
                    "change the route there, or choose another name for the channel",
                ));
            }
            if !own && self.topics.are_within(&route.pattern) {
                let other = self.name.modules().join("_");
                let other = other.trim_end_matches("_channel");
                return Err(hinted(
                    format!(
                        "the topics \"{pattern}\" go to {} already: {} has the route \"{}\"",
                        route.channel, self.socket.name, route.pattern
                    ),
                    format!("choose others, for example --topic '{other}:*'"),
                ));
            }
        }
        Ok(())
    }

    pub(crate) fn generate(&self, wiring: &mut Wiring) -> anyhow::Result<()> {
        wiring.ensure_application()?;
        wiring.depend_on(&self.dependencies())?;
        wiring.declare_in_channels(&self.name.modules())?;

        let mut context = self.context(wiring)?;
        let file = wiring.source_path(&self.name.file());
        wiring.create(&file, "phx.gen.channel/channel.rs.tera", &context)?;
        wiring.add_test_support(&self.socket)?.insert(&mut context);
        let (test, command) = self.test_file(wiring, &mut context)?;
        wiring.create(&test, "phx.gen.channel/channel_test.rs.tera", &context)?;
        if !wiring.exports_channels()? {
            declare_tests(wiring, &file)?;
        }

        wiring.add_route(&self.socket, &self.route())?;
        let (pattern, topics) = (self.topics.pattern(), self.topics.noun());
        let mut next = format!(
            "{} handles the {topics} \"{pattern}\". Try it with\n\n    $ {command}",
            self.name.type_name()
        );
        if self.events.is_empty() {
            next.push_str(&format!(
                "\n\nOnly the server broadcasts there. To let clients send messages to each other, \
                 name the events:\n\n    $ {}",
                self.with_an_event(wiring)?
            ));
        }
        wiring.plan.next_steps(next);
        Ok(())
    }

    /// Returns the command that generates this channel again with an event.
    fn with_an_event(&self, wiring: &Wiring) -> anyhow::Result<String> {
        let mut command = format!("cargo phx gen channel {} {EVENT}", self.name.typed());
        if self.topics.pattern() != Topics::of(&self.name).pattern() {
            command.push_str(&format!(" --topic '{}'", self.topics.pattern()));
        }
        if self.presence.is_none() && presence_field(wiring)?.is_some() {
            command.push_str(" --no-presence");
        }
        if wiring.sockets()?.len() > 1 {
            let socket = self.socket.name.trim_end_matches("Socket");
            command.push_str(&format!(" --socket {socket}"));
        }
        Ok(command)
    }

    fn dependencies(&self) -> Vec<Dependency> {
        let mut dependencies = vec![
            Dependency::new("serde_json", "1"),
            Dependency::new("tokio", "1").features(&["macros", "rt"]),
        ];
        if self.events.iter().any(|event| event.payload.is_some()) {
            dependencies.push(Dependency::new("serde", "1").features(&["derive"]));
        }
        if self.events.iter().any(|event| event.binary) {
            dependencies.push(Dependency::new("bytes", "1"));
        }
        dependencies
    }

    /// Returns the variables that the templates can use.
    fn context(&self, wiring: &Wiring) -> anyhow::Result<Context> {
        let path = &self.socket.path;
        let text = wiring.plan.read(path)?.unwrap_or_default();
        let user_id = user::id(&Source::parse(path, &text)?, &self.socket.name);
        let field = user_id.as_ref().map(|id| id.field.clone());
        if let (Some(field), Some(event)) = (
            &field,
            self.events.iter().find(|event| {
                event
                    .fields
                    .iter()
                    .any(|own| Some(&own.name) == field.as_ref())
            }),
        ) {
            return Err(hinted(
                format!("the event `{}` cannot have the field `{field}`", event.name),
                "leave it out: the server adds the sender's own to the messages",
            ));
        }
        let fields = || self.events.iter().flat_map(|event| &event.fields);

        let mut context = Context::new();
        context.insert("channel", &self.name.type_name());
        context.insert("typed", &self.name.typed());
        context.insert("pattern", self.topics.pattern());
        context.insert("topics", self.topics.noun());
        context.insert("topic", &self.topics.example());
        context.insert("socket", &self.socket.name);
        context.insert("socket_path", &self.socket.import());
        context.insert("presence", &self.presence);
        context.insert("presence_key", &user::key(user_id.as_ref()));
        context.insert("user_id", &field);
        context.insert("alice", &user_id.is_some_and(|id| id.is_text));
        context.insert("events", &self.events);
        context.insert("binary", &self.events.iter().any(|event| event.binary));
        context.insert(
            "structs",
            &self.events.iter().any(|event| event.payload.is_some()),
        );
        context.insert("values", &fields().any(|field| field.kind == "json"));
        Ok(context)
    }

    /// Returns the path of the channel's test and the command that runs it.
    fn test_file(
        &self,
        wiring: &Wiring,
        context: &mut Context,
    ) -> anyhow::Result<(PathBuf, String)> {
        let modules = self.name.modules();
        if wiring.exports_channels()? {
            let test = format!("{}_test", modules.join("_"));
            context.insert("test", &test);
            let command = format!("cargo test --test {test}");
            Ok((PathBuf::from(format!("tests/{test}.rs")), command))
        } else {
            let path = wiring.source_path(&format!("channels/{}/tests.rs", modules.join("/")));
            Ok((path, format!("cargo test {}", modules.join("::"))))
        }
    }
}

/// Returns the state's field that holds a presence: `presence` if there is one, else the first.
///
/// Returns `None` if the state has no presence.
fn presence_field(wiring: &Wiring) -> anyhow::Result<Option<String>> {
    let path = wiring.application_path();
    let text = wiring.plan.read(&path)?.unwrap_or_default();
    let presences = state::presences(&Source::parse(&path, &text)?);
    let mut fields = presences.into_iter().map(|(field, _)| field);
    let first = fields.next();
    Ok(fields.find(|field| field == "presence").or(first))
}

/// Adds `#[cfg(test)] mod tests;` at the end of the channel that this plan creates.
fn declare_tests(wiring: &mut Wiring, file: &std::path::Path) -> anyhow::Result<()> {
    let text = wiring.plan.read(file)?.unwrap_or_default();
    if modules::find(&Source::parse(file, &text)?, "tests").is_none() {
        let text = format!("{}\n\n#[cfg(test)]\nmod tests;\n", text.trim_end());
        wiring.plan.inject(file, text)?;
    }
    Ok(())
}
