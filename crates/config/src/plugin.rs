//! Plugins: those that come with Mosquitto are built in under their names, so that a configuration that loads them goes on
//! working. Others are refused: their answer to who may do what would be missing.

use crate::draft::{Draft, Part};
use crate::report::{Level, Note, Place, Problem};

/// A `plugin`, `global_plugin` or `plugin_load` line, and what follows it.
pub(crate) struct Plugin {
    /// `None`: it was refused; its options are read all the same.
    stock: Option<Stock>,
    /// By which `plugin_use` asks for it.
    name: Option<String>,
    /// Whose clients it is asked about.
    users: Vec<User>,
    place: Place,
    file: Option<String>,
    denies_special_chars: bool,
}

/// The plugins of Mosquitto that are built in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stock {
    PasswordFile,
    AclFile,
    PersistSqlite,
}

/// Who uses a plugin.
#[derive(Clone, Copy)]
pub(crate) enum User {
    /// All listeners, whatever `per_listener_settings` says.
    All,
    /// The listeners that share their settings.
    Shared,
    /// The listener of this number.
    Listener(usize),
}

impl Plugin {
    /// `path` names the plugin's file on the current line of option `option`.
    pub(crate) fn open(draft: &mut Draft, option: &str, path: &str, name: Option<String>, user: Option<User>) {
        let stock = Stock::of(path);
        if let Err(reason) = stock {
            let text = format!("The '{option}' option does not work yet: {reason}");
            draft.error_in(Part::Value, text, Some(HINT.to_owned()));
        }
        let place = draft.place();
        let (stock, users) = (stock.ok(), user.into_iter().collect());
        draft.open_plugin(Plugin { stock, name, users, place, file: None, denies_special_chars: true });
    }

    /// Whether it is the one of `plugin_use NAME`.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.name.as_deref() == Some(name)
    }

    pub(crate) fn add_user(&mut self, user: User) {
        self.users.push(user);
    }

    pub(crate) fn set_denies_special_chars(&mut self, denies: bool) {
        self.denies_special_chars = denies;
    }

    /// Takes `plugin_opt_OPTION VALUE`. Gives the directive that it stands for, if it stands for one; `None` where it means
    /// nothing here.
    pub(crate) fn take(&mut self, option: &str, value: &str) -> Option<Option<&'static str>> {
        let directive = match (self.stock?, option) {
            (Stock::PasswordFile, "password_file") => Some("password_file"),
            (Stock::AclFile, "acl_file") => Some("acl_file"),
            (Stock::PersistSqlite, "db_file") => None,
            _ => return None,
        };
        self.file = Some(value.to_owned());
        Some(directive)
    }

    /// Whether options of it mean anything.
    pub(crate) fn is_built_in(&self) -> bool {
        self.stock.is_some()
    }

    /// Does what it stands for.
    pub(crate) fn apply(self, draft: &mut Draft) -> Result<(), Box<Problem>> {
        let Some(stock) = self.stock else { return Ok(()) };
        let problem =
            |text: String| Box::new(Problem { text, place: Some(self.place.clone()), hint: None, excerpt: None });
        let Some(file) = &self.file else {
            let option = stock.option();
            return Err(problem(format!("The plugin needs the option plugin_opt_{option}, which names its file.")));
        };
        if stock == Stock::PersistSqlite {
            self.persist(draft, file);
            return Ok(());
        }
        for user in &self.users {
            for security in draft.securities(*user) {
                let place = match stock {
                    Stock::PasswordFile => &mut security.password_file,
                    _ => &mut security.acl_file,
                };
                if place.as_ref().is_some_and(|other| other != file) {
                    let option = stock.option();
                    return Err(problem(format!(
                        "There is another {option} already, and one counts: take one of them out."
                    )));
                }
                *place = Some(file.clone());
                security.acl_denies_special_chars |= stock == Stock::AclFile && self.denies_special_chars;
            }
        }
        Ok(())
    }

    /// Everything is kept, in the folder where the plugin would have its database.
    fn persist(&self, draft: &mut Draft, database: &str) {
        let persistence = &mut draft.config.persistence;
        persistence.on = true;
        let folder = database.rsplit_once('/').map(|(folder, _)| if folder.is_empty() { "/" } else { folder });
        persistence.location = persistence.location.take().or(folder.map(str::to_owned));
        let text = format!(
            "What is kept goes into the server's own log, not into {database}; what mosquitto_persist_sqlite has kept there \
             is not taken over."
        );
        draft.add_note(Note { level: Level::Warning, text, place: self.place.clone() });
    }
}

impl Stock {
    /// By the name of the file, wherever it is and whatever the system calls such files; or why it cannot be had.
    fn of(path: &str) -> Result<Stock, &'static str> {
        let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
        match name.split('.').next().unwrap_or_default() {
            "mosquitto_password_file" => Ok(Stock::PasswordFile),
            "mosquitto_acl_file" => Ok(Stock::AclFile),
            "mosquitto_persist_sqlite" => Ok(Stock::PersistSqlite),
            "mosquitto_dynamic_security" => Err("dynamic security is not built in so far."),
            "mosquitto_sparkplug_aware" => Err("what makes the server aware of Sparkplug is not built in so far."),
            _ => Err("the plugin would not be asked who may do what."),
        }
    }

    /// The option without which it is nothing.
    fn option(self) -> &'static str {
        match self {
            Stock::PasswordFile => "password_file",
            Stock::AclFile => "acl_file",
            Stock::PersistSqlite => "db_file",
        }
    }
}

const HINT: &str = "Built in are mosquitto_password_file, mosquitto_acl_file and mosquitto_persist_sqlite. Instead of others there \
                    are password_file, acl_file, auth_jwt_algorithms and auth_http_user_url.";
