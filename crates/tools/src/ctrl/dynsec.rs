//! The module `dynsec`: Mosquitto's dynamic security plugin, which keeps clients, groups and roles.

use super::module::{Argument, Command, Kind, Module, Names, Place, Without};

pub(super) static DYNSEC: Module = Module {
    name: "dynsec",
    topic: "$CONTROL/dynamic-security/v1",
    remedy: "Mosquitto answers with its plugin mosquitto_dynamic_security.so, loaded by 'plugin' in its configuration; Midge as a server does \
             not answer yet, and keeps its users in password_file and acl_file",
    summary: "Clients, groups and roles of the dynamic security plugin. A client has roles, and those of its groups; a role lists \
              what is allowed and denied (ACLs). Of several roles, groups and ACLs, those with the larger priority count first.",
    groups: &[("General", GENERAL), ("Clients", CLIENTS), ("Groups", GROUPS), ("Roles", ROLES)],
};

const GENERAL: &[Command] = &[
    plain("getDefaultACLAccess", &[], "Show what is allowed where no ACL says anything."),
    Command {
        name: "setDefaultACLAccess",
        arguments: &[required("acltype", "KIND", Kind::OneOf(DEFAULT_ACL_TYPES)), ACCESS],
        list: Some("acls"),
        help: "Allow or deny where no ACL says anything. KIND is publishClientSend, publishClientReceive, subscribe or unsubscribe.",
    },
    plain("getAnonymousGroup", &[], "Show the group of clients without a user name."),
    plain("setAnonymousGroup", &[GROUP], "Let clients without a user name belong to this group."),
];

const CLIENTS: &[Command] = &[
    plain(
        "createClient",
        &[
            required("username", "USER", Kind::Text),
            Argument { member: "clientid", name: "CLIENTID", kind: Kind::Text, place: Place::Flag(&["-i", "-c"]) },
            Argument {
                member: "password",
                name: "PASSWORD",
                kind: Kind::Password(Without::Allowed),
                place: Place::Flag(&["-p"]),
            },
        ],
        "Make a client. The password is asked for where it is not given; one without a password cannot log in.",
    ),
    plain("deleteClient", &[CLIENT], "Delete a client."),
    plain(
        "setClientPassword",
        &[CLIENT, optional("password", "PASSWORD", Kind::Password(Without::Refused))],
        "Give a client another password, which is asked for where it is not given.",
    ),
    plain(
        "setClientId",
        &[CLIENT, optional("clientid", "CLIENTID", Kind::Text)],
        "Let the client come with this Client Identifier only; without one, with any.",
    ),
    plain("addClientRole", &[CLIENT, ROLE, PRIORITY], "Give a client a role."),
    plain("removeClientRole", &[CLIENT, ROLE, PRIORITY], "Take a role from a client."),
    plain("getClient", &[CLIENT], "Show a client."),
    plain("listClients", &[COUNT, OFFSET], "List all clients, or COUNT of them behind the first OFFSET."),
    plain("enableClient", &[CLIENT], "Let a client log in again."),
    plain("disableClient", &[CLIENT], "Do not let a client log in, and end its connection."),
];

const GROUPS: &[Command] = &[
    plain("createGroup", &[required("groupname", "GROUP", Kind::Text)], "Make a group."),
    plain("deleteGroup", &[GROUP], "Delete a group."),
    plain("addGroupRole", &[GROUP, ROLE, PRIORITY], "Give a group a role."),
    plain("removeGroupRole", &[GROUP, ROLE, PRIORITY], "Take a role from a group."),
    plain("addGroupClient", &[GROUP, CLIENT, PRIORITY], "Put a client into a group."),
    plain("removeGroupClient", &[GROUP, CLIENT, PRIORITY], "Take a client out of a group."),
    plain("getGroup", &[GROUP], "Show a group."),
    plain("listGroups", &[COUNT, OFFSET], "List all groups, or COUNT of them behind the first OFFSET."),
];

const ROLES: &[Command] = &[
    plain("createRole", &[required("rolename", "ROLE", Kind::Text)], "Make a role."),
    plain("deleteRole", &[ROLE], "Delete a role."),
    plain(
        "addRoleACL",
        &[ROLE, ACL_TYPE, TOPIC, ACCESS, PRIORITY],
        "Let a role allow or deny a topic. KIND is publishClientSend, publishClientReceive, subscribeLiteral, subscribePattern, \
         unsubscribeLiteral or unsubscribePattern.",
    ),
    plain("removeRoleACL", &[ROLE, ACL_TYPE, TOPIC], "Take an ACL from a role."),
    plain("getRole", &[ROLE], "Show a role with its ACLs."),
    plain("listRoles", &[COUNT, OFFSET], "List all roles, or COUNT of them behind the first OFFSET."),
];

const CLIENT: Argument = required("username", "USER", Kind::Name(Names::Clients));
const GROUP: Argument = required("groupname", "GROUP", Kind::Name(Names::Groups));
const ROLE: Argument = required("rolename", "ROLE", Kind::Name(Names::Roles));
const ACL_TYPE: Argument = required("acltype", "KIND", Kind::OneOf(ACL_TYPES));
const TOPIC: Argument = required("topic", "TOPIC", Kind::Text);
const ACCESS: Argument = required("allow", "allow|deny", Kind::Access);
const PRIORITY: Argument = optional("priority", "PRIORITY", Kind::Priority);
const COUNT: Argument = optional("count", "COUNT", Kind::Count);
const OFFSET: Argument = optional("offset", "OFFSET", Kind::Count);

const ACL_TYPES: &[&str] = &[
    "publishClientSend",
    "publishClientReceive",
    "subscribeLiteral",
    "subscribePattern",
    "unsubscribeLiteral",
    "unsubscribePattern",
];

const DEFAULT_ACL_TYPES: &[&str] = &["publishClientSend", "publishClientReceive", "subscribe", "unsubscribe"];

const fn plain(name: &'static str, arguments: &'static [Argument], help: &'static str) -> Command {
    Command { name, arguments, list: None, help }
}

const fn required(member: &'static str, name: &'static str, kind: Kind) -> Argument {
    Argument { member, name, kind, place: Place::Required }
}

const fn optional(member: &'static str, name: &'static str, kind: Kind) -> Argument {
    Argument { member, name, kind, place: Place::Optional }
}
