//! Commands that are typed one after the other, with completion and a history; or lines of standard input, where that is no terminal.
//!
//! Lines with passwords are not kept in the history, which lives as long as the shell.

mod completion;
mod input;
mod line;

use std::collections::BTreeMap;

use self::completion::Completion;
use self::input::{Input, Typed};
use super::controller::Controller;
use super::dynsec::DYNSEC;
use super::module::{Command, Module, Names};
use super::{Failure, answer, complain, named, open, request, show};
use crate::Called;
use crate::clients::settings::Settings;
use crate::flags::{entry, section};
use crate::output::print;
use crate::prompt;
use crate::url::ServerUrl;

/// Reads commands to their end, and connects at once where the flags name a server or who asks.
///
/// # Errors
/// When there is no connection where one is wanted at once, or a line of a pipe has failed.
pub(super) fn run(called: &Called, settings: &Settings) -> Result<(), Failure> {
    let mut shell = Shell { called, settings: settings.clone(), place: Place::Offline, names: BTreeMap::new() };
    let mut input = Input::new();
    if input.is_typed() {
        print(&format!("{} shell: 'help' lists the commands, Tab completes them, 'exit' leaves.\n", called.name()));
    }
    let server = &settings.server;
    let names_server = server.host.is_some() || server.port.is_some() || server.socket.is_some();
    if names_server || settings.client.username.is_some() {
        shell.connect(settings)?;
    }
    let mut all_done = true;
    while let Typed::Line(line) = input.next(&shell.prompt(), || shell.completion()) {
        let words = line::words(&line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let [name, arguments @ ..] = words.as_slice() else { continue };
        if name.eq_ignore_ascii_case("exit") {
            break;
        }
        if let Err(failure) = shell.act(name, arguments, &mut input) {
            complain(&failure.message);
            all_done = false;
        }
    }
    shell.disconnect();
    match all_done || input.is_typed() {
        true => Ok(()),
        false => Err(Failure::late("Not all lines could be done.")),
    }
}

struct Shell<'a> {
    called: &'a Called,
    /// Those of the next connection.
    settings: Settings,
    place: Place,
    /// What the server has, for completion.
    names: BTreeMap<Names, Vec<String>>,
}

/// Where one is, from which follows what can be said.
enum Place {
    Offline,
    /// With the module that one has entered.
    Online(Box<Controller>, Option<&'static Module>),
}

/// What can be typed at a place, beside the commands of its module: usage and help.
type Words = &'static [(&'static str, &'static str)];

const OFFLINE: Words = &[
    ("auth [USER]", "Say who you are, before connecting. The password is asked for."),
    (
        "connect [URL]",
        "Connect, to the server of the command line or to mqtt://HOST[:PORT], mqtts://, ws:// or wss://.",
    ),
];

const ONLINE: Words = &[
    ("broker", "Ask what the server itself consists of."),
    ("dynsec", "Ask the dynamic security plugin: clients, groups and roles."),
    ("disconnect", "Leave the server."),
];

const MODULE: Words = &[("return", "Leave this module."), ("disconnect", "Leave the server.")];

const ANYWHERE: Words =
    &[("help [COMMAND]", "Show all commands that can be typed here, or one."), ("exit", "Leave the shell.")];

impl Place {
    fn module(&self) -> Option<&'static Module> {
        match self {
            Place::Offline => None,
            Place::Online(_, module) => *module,
        }
    }

    fn controller(&mut self) -> Option<&mut Controller> {
        match self {
            Place::Offline => None,
            Place::Online(controller, _) => Some(controller),
        }
    }

    fn go_to(&mut self, module: Option<&'static Module>) {
        if let Place::Online(_, at) = self {
            *at = module;
        }
    }

    fn words(&self) -> impl Iterator<Item = &'static (&'static str, &'static str)> {
        let own = match self {
            Place::Offline => OFFLINE,
            Place::Online(_, None) => ONLINE,
            Place::Online(_, Some(_)) => MODULE,
        };
        own.iter().chain(ANYWHERE)
    }
}

impl Shell<'_> {
    fn prompt(&self) -> String {
        match &self.place {
            Place::Offline => "> ".to_owned(),
            Place::Online(controller, None) => format!("{}> ", controller.url()),
            Place::Online(controller, Some(module)) => format!("{}|{}> ", controller.url(), module.name),
        }
    }

    fn completion(&self) -> Completion {
        let words = self.place.words().map(|(usage, _)| first_word(usage)).collect();
        Completion { words, module: self.place.module(), names: self.names.clone() }
    }

    fn act(&mut self, name: &str, arguments: &[&str], input: &mut Input) -> Result<(), Failure> {
        if let Some(module) = self.place.module()
            && let Some(command) = module.command(name)
        {
            return self.ask(module, command, arguments, input);
        }
        let known = self.place.words().find(|(usage, _)| first_word(usage).eq_ignore_ascii_case(name));
        match known.map(|(usage, _)| first_word(usage)) {
            Some("auth") => self.authenticate(arguments, input),
            Some("connect") => self.connect(&self.settings_for(arguments)?),
            Some("disconnect") => {
                self.disconnect();
                Ok(())
            }
            Some("return") => {
                self.place.go_to(None);
                Ok(())
            }
            Some("help") => self.help(arguments),
            Some(module) => self.enter(named(module)?, input),
            None => {
                let hint = self.place.module().map(|module| module.hint(name)).unwrap_or_default();
                Err(Failure::late(&format!("Unknown command '{name}'. 'help' lists what can be typed here.{hint}")))
            }
        }
    }

    fn ask(
        &mut self,
        module: &'static Module,
        command: &'static Command,
        arguments: &[&str],
        input: &mut Input,
    ) -> Result<(), Failure> {
        let payload = request::payload(command, &line::as_on_the_command_line(command, arguments))?;
        let answer = self.put(module, &payload)?;
        let text = answer::text(module, &answer).map_err(|message| Failure::late(&message))?;
        show(if text.is_empty() { "OK\n" } else { &text });
        if input.is_typed() && (command.name.starts_with("create") || command.name.starts_with("delete")) {
            self.learn()?;
        }
        Ok(())
    }

    fn put(&mut self, module: &'static Module, payload: &str) -> Result<Vec<u8>, Failure> {
        let controller = self.place.controller().ok_or_else(|| Failure::late("There is no connection."))?;
        controller.ask(module, payload)
    }

    /// Asks for the names that can be completed.
    fn learn(&mut self) -> Result<(), Failure> {
        for (names, command, list) in LISTS {
            let command = DYNSEC.command(command).expect("it stands in the table");
            let answer = self.put(&DYNSEC, &request::payload(command, &[])?)?;
            answer::text(&DYNSEC, &answer).map_err(|message| Failure::late(&message))?;
            self.names.insert(*names, answer::names(&answer, list));
        }
        Ok(())
    }

    fn enter(&mut self, module: &'static Module, input: &Input) -> Result<(), Failure> {
        self.place.go_to(Some(module));
        if module.name == DYNSEC.name && input.is_typed() { self.learn() } else { Ok(()) }
    }

    fn connect(&mut self, settings: &Settings) -> Result<(), Failure> {
        let mut controller = open(self.called, settings)?.patient();
        controller.connect()?;
        self.place = Place::Online(Box::new(controller), None);
        Ok(())
    }

    /// The settings for this server, or that of the command line.
    fn settings_for(&self, arguments: &[&str]) -> Result<Settings, Failure> {
        let mut settings = self.settings.clone();
        if let [url, ..] = arguments {
            let url = if url.contains("://") { (*url).to_owned() } else { format!("mqtt://{url}") };
            settings.server = Default::default();
            settings.take_server(ServerUrl::parse(&url, false).map_err(|message| Failure::late(&message))?);
        }
        Ok(settings)
    }

    fn disconnect(&mut self) {
        if let Some(controller) = self.place.controller() {
            controller.leave();
        }
        self.place = Place::Offline;
        self.names.clear();
    }

    fn authenticate(&mut self, arguments: &[&str], input: &mut Input) -> Result<(), Failure> {
        let user_name = match arguments {
            [user_name, ..] => (*user_name).to_owned(),
            [] => match input.next("username: ", Completion::default) {
                Typed::Line(line) if !line.trim().is_empty() => line.trim().to_owned(),
                _ => return Err(Failure::late("No user name.")),
            },
        };
        let password = prompt::password("password:").ok_or_else(|| Failure::late("No password."))?;
        self.settings.client.username = Some(user_name);
        self.settings.client.password = Some(password);
        Ok(())
    }

    fn help(&self, arguments: &[&str]) -> Result<(), Failure> {
        let words = || self.place.words().map(|(usage, help)| ((*usage).to_owned(), *help));
        let commands = self.place.module().into_iter().flat_map(Module::commands);
        let commands = commands.map(|command| (command.usage(), command.help));
        match arguments {
            [] => {
                let own = self.place.module().map(Module::help).unwrap_or_default();
                print(&(own + &section("Shell", words().map(|(usage, help)| entry(&usage, help)))));
                Ok(())
            }
            [name, ..] => {
                let meant = commands.chain(words()).find(|(usage, _)| first_word(usage).eq_ignore_ascii_case(name));
                let unknown = || Failure::late(&format!("Unknown command '{name}'"));
                let (usage, help) = meant.ok_or_else(unknown)?;
                print(&entry(&usage, help));
                Ok(())
            }
        }
    }
}

fn first_word(usage: &str) -> &str {
    usage.split(' ').next().unwrap_or_default()
}

/// Names, the command that lists them, and where they stand in its answer.
const LISTS: &[(Names, &str, &str)] = &[
    (Names::Clients, "listClients", "clients"),
    (Names::Groups, "listGroups", "groups"),
    (Names::Roles, "listRoles", "roles"),
];
