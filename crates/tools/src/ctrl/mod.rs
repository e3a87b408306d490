//! `ctrl`, Mosquitto's `mosquitto_ctrl`: asks a running server to show or change what its modules hold.
//!
//! What a [`Module`] can be asked for is a table ([`dynsec`], [`broker`]), from which requests, help and completion are made. A
//! request is JSON that goes to the module's topic below `$CONTROL` ([`controller`]), and so is the answer ([`answer`]). Without a
//! module, commands are typed one after the other ([`shell`]).

mod answer;
mod broker;
mod controller;
mod dynsec;
mod dynsec_file;
mod flags;
mod module;
mod request;
mod shell;

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};

use crate::clients::settings::Settings;
use crate::clients::values;
use crate::output::print;
use crate::{Called, prompt, screen};
use broker::BROKER;
use controller::Controller;
use dynsec::DYNSEC;
use flags::TABLE;
use module::Module;

/// The row of the command.
pub(crate) const COMMAND: crate::Command = crate::Command { page: || TABLE.page(), run };

/// All modules.
static MODULES: [&Module; 2] = [&BROKER, &DYNSEC];

/// Why something was not done.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Failure {
    status: u8,
    /// That under Mosquitto's name.
    linked_status: u8,
    message: String,
}

impl Failure {
    fn new(status: u8, message: &str) -> Failure {
        Failure { status, linked_status: status, message: message.to_owned() }
    }

    /// The words of a command are wrong.
    fn words(message: &str) -> Failure {
        Failure::new(3, message)
    }

    /// Mosquitto's tool calls it success once the words were right.
    fn late(message: &str) -> Failure {
        Failure { linked_status: 0, ..Failure::new(1, message) }
    }

    /// Mosquitto's tool has a status of its own for it.
    fn linked(status: u8, message: &str) -> Failure {
        Failure { linked_status: status, ..Failure::new(1, message) }
    }
}

fn run(called: &Called, words: &[OsString]) -> u8 {
    let settings = match flags::read(words) {
        Ok(settings) => settings,
        Err(stop) => return called.stop(stop, &TABLE.page()),
    };
    let words = settings.operands.iter().map(|word| values::text("command line", word)).collect::<Result<Vec<_>, _>>();
    let done = match words.as_deref() {
        Err(message) => return called.wrong(message),
        Ok([] | ["shell"]) => shell::run(called, &settings),
        Ok([module]) => match named(module) {
            Ok(module) => return called.wrong(&format!("Error: No command given. See '{} help'.", module.name)),
            Err(failure) => Err(failure),
        },
        Ok([module, command, words @ ..]) => {
            named(module).and_then(|module| act(called, &settings, module, command, words))
        }
    };
    done.map_or_else(|failure| told(called, &failure), |()| 0)
}

fn named(name: &str) -> Result<&'static Module, Failure> {
    let module = MODULES.into_iter().find(|module| module.name.eq_ignore_ascii_case(name));
    module.ok_or_else(|| {
        let names = MODULES.map(|module| module.name).join(", ");
        Failure::new(10, &format!("Error: Module '{name}' not supported.\nThere are: {names}."))
    })
}

/// Tells why something was not done; gives the exit status.
fn told(called: &Called, failure: &Failure) -> u8 {
    complain(&failure.message);
    if called.is_link() { failure.linked_status } else { failure.status }
}

fn act(
    called: &Called,
    settings: &Settings,
    module: &'static Module,
    command: &str,
    words: &[&str],
) -> Result<(), Failure> {
    let is = |name: &str| command.eq_ignore_ascii_case(name);
    if is("help") {
        print(&module.help());
        return Ok(());
    }
    if module.name == DYNSEC.name && is("init") {
        return dynsec_file::init(called.name(), words);
    }
    if let Some(file) = &settings.control_file {
        return match module.name == DYNSEC.name && is("setClientPassword") {
            true => dynsec_file::set_password(file, words),
            false => Err(Failure::words("Error: -f goes with 'dynsec setClientPassword' alone.")),
        };
    }
    let unknown = || Failure::new(13, &format!("Command '{command}' not recognised.{}", module.hint(command)));
    let payload = request::payload(module.command(command).ok_or_else(unknown)?, words)?;
    let mut controller = open(called, settings)?;
    let answer = controller.ask(module, &payload);
    controller.leave();
    show(&answer::text(module, &answer?).map_err(|message| Failure::late(&message))?);
    Ok(())
}

/// The connection that is to be made. Warns where others can listen, and asks for a password where there is none.
fn open(called: &Called, settings: &Settings) -> Result<Controller, Failure> {
    let mut controller = Controller::new(settings)?;
    if controller.is_exposed() && !settings.is_quiet {
        let name = called.name();
        let who = "all of the configuration changes you are making are visible on the network, including passwords";
        eprintln!("Warning: You are running {name} without encryption.\nThis means {who}.\n");
    }
    if let (Some(user_name), None) = (&settings.client.username, &settings.client.password) {
        let nothing = || Failure::new(1, "Error: Empty password.\nError getting password.");
        let password = prompt::password(&format!("Password for {user_name}: ")).ok_or_else(nothing)?;
        controller.set_password(&password);
    }
    Ok(controller)
}

/// Shows what the server says.
fn show(text: &str) {
    let mut stdout = io::stdout();
    let bytes = for_reader(text, stdout.is_terminal());
    // A reader that has gone has seen enough.
    let _ = stdout.write_all(&bytes).and_then(|()| stdout.flush());
}

/// Tells people something, of which the server may have said a part.
fn complain(message: &str) {
    let mut stderr = io::stderr();
    let bytes = for_reader(message, stderr.is_terminal());
    let _ = stderr.write_all(&bytes).and_then(|()| stderr.write_all(b"\n"));
}

fn for_reader(text: &str, is_terminal: bool) -> Cow<'_, [u8]> {
    if is_terminal { screen::shown(text.as_bytes()) } else { Cow::Borrowed(text.as_bytes()) }
}
