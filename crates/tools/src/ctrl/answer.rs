//! What a server answers, as it is shown.

use serde_json::Value;

use super::module::Module;

/// The text for standard output, which may be empty.
///
/// # Errors
/// With the message for the user, when the server refuses, or answers something else.
pub(super) fn text(module: &Module, payload: &[u8]) -> Result<String, String> {
    let answer: Value = serde_json::from_slice(payload).map_err(|_| "Error: Payload not JSON.")?;
    if answer["error"] == "endpoint not available" {
        return Err(nobody(module));
    }
    let response = &answer["responses"][0];
    let command = response["command"].as_str().ok_or("Error: Payload missing data.")?;
    if let Some(error) = response["error"].as_str() {
        return Err(format!("{command}: Error: {error}."));
    }
    shown(command, &response["data"]).ok_or_else(|| "Error: Invalid response from server.".to_owned())
}

/// What is told where a server has no such module.
pub(super) fn nobody(module: &Module) -> String {
    format!("Error: Nobody answers on {}: {}.", module.topic, module.remedy)
}

/// The names in the answer to a list of clients, groups or roles.
pub(super) fn names(payload: &[u8], list: &str) -> Vec<String> {
    let answer: Value = serde_json::from_slice(payload).unwrap_or_default();
    let names = answer["responses"][0]["data"][list].as_array();
    names.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// `None`: it is not what this command is answered with.
fn shown(command: &str, data: &Value) -> Option<String> {
    match command.to_ascii_lowercase().as_str() {
        "listclients" => list(data, "clients", "username"),
        "listgroups" => list(data, "groups", "groupname"),
        "listroles" => list(data, "roles", "rolename"),
        "getclient" => client(&data["client"]),
        "getgroup" => group(&data["group"]),
        "getrole" => role(&data["role"]),
        "getdefaultaclaccess" => data["acls"].as_array()?.iter().map(default_acl).collect(),
        "getanonymousgroup" => Some(format!("{}\n", data["group"]["groupname"].as_str()?)),
        "listplugins" => data["plugins"].as_array()?.iter().map(plugin).collect(),
        "listlisteners" => Some(data["listeners"].as_array()?.iter().zip(1..).map(listener).collect()),
        _ => Some(String::new()),
    }
}

/// Names, a line each; they stand alone, or in objects.
fn list(data: &Value, list: &str, member: &str) -> Option<String> {
    let names = data[list].as_array()?.iter().filter_map(|name| name.as_str().or_else(|| name[member].as_str()));
    Some(names.map(|name| format!("{name}\n")).collect())
}

fn client(client: &Value) -> Option<String> {
    let mut text = format!("{:CLIENT_LABEL$} {}\n", "Username:", client["username"].as_str()?);
    text += &match client["clientid"].as_str() {
        Some(client_id) => format!("{:CLIENT_LABEL$} {client_id}\n", "Clientid:"),
        None => "Clientid:\n".to_owned(),
    };
    if let Some(is_disabled) = client["disabled"].as_bool() {
        text += &format!("{:CLIENT_LABEL$} {is_disabled}\n", "Disabled:");
    }
    text += &members(&client["roles"], CLIENT_LABEL, "Roles:", "rolename", true);
    text += &members(&client["groups"], CLIENT_LABEL, "Groups:", "groupname", true);
    // Servers before 2.1 do not tell them.
    if client["connections"].is_array() {
        text += &members(&client["connections"], CLIENT_LABEL, "Connections:", "address", false);
    }
    Some(text)
}

fn group(group: &Value) -> Option<String> {
    let mut text = format!("{:GROUP_LABEL$} {}\n", "Groupname:", group["groupname"].as_str()?);
    text += &members(&group["roles"], GROUP_LABEL, "Roles:", "rolename", true);
    text += &members(&group["clients"], GROUP_LABEL, "Clients:", "username", false);
    Some(text)
}

/// A line for each, the first with the label; the label alone, where the server says nothing of it.
fn members(list: &Value, width: usize, label: &str, member: &str, has_priority: bool) -> String {
    let Some(list) = list.as_array() else { return format!("{label}\n") };
    let names = list.iter().filter_map(|element| Some((element, element.as_str().or(element[member].as_str())?)));
    let lines = names.enumerate().map(|(number, (element, name))| {
        let label = if number == 0 { label } else { "" };
        let priority = if has_priority { format!(" (priority: {})", priority(element)) } else { String::new() };
        format!("{label:width$} {name}{priority}\n")
    });
    lines.collect()
}

fn role(role: &Value) -> Option<String> {
    let mut text = format!("Rolename: {}\n", role["rolename"].as_str()?);
    let acls = role["acls"].as_array().into_iter().flatten();
    let acls = acls.filter_map(|acl| Some((acl, acl["acltype"].as_str()?)));
    for (number, (acl, kind)) in acls.enumerate() {
        let label = if number == 0 { "ACLs:" } else { "" };
        text += &format!("{label:9} {kind:20}");
        if let Some(is_allowed) = acl["allow"].as_bool() {
            text += if is_allowed { " : allow" } else { " : deny " };
        }
        if let Some(topic) = acl["topic"].as_str() {
            text += &format!(" : {topic}");
        }
        text += &format!(" (priority: {})\n", priority(acl));
    }
    Some(text)
}

/// The server says nothing where none was given.
fn priority(value: &Value) -> i64 {
    value["priority"].as_i64().unwrap_or(-1)
}

fn default_acl(acl: &Value) -> Option<String> {
    let access = if acl["allow"].as_bool()? { "allow" } else { "deny" };
    Some(format!("{:20} : {access}\n", acl["acltype"].as_str()?))
}

fn plugin(plugin: &Value) -> Option<String> {
    let mut text = format!("Plugin:            {}\n", plugin["name"].as_str()?);
    if let Some(version) = plugin["version"].as_str() {
        text += &format!("Version:           {version}\n");
    }
    let endpoints = plugin["control-endpoints"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for (number, endpoint) in endpoints.enumerate() {
        let label = if number == 0 { "Control endpoints:" } else { "" };
        text += &format!("{label:18} {endpoint}\n");
    }
    Some(text)
}

fn listener((listener, number): (&Value, u32)) -> String {
    let mut text = format!("Listener {number}:\n");
    if let Some(port) = listener["port"].as_i64() {
        text += &format!("  Port:              {port}\n");
    }
    for (member, label) in
        [("protocol", "Protocol:"), ("socket-path", "Socket path:"), ("bind-address", "Bind address:")]
    {
        if let Some(value) = listener[member].as_str() {
            text += &format!("  {label:18} {value}\n");
        }
    }
    text + &format!("  TLS:               {}\n\n", listener["tls"] == true)
}

/// As long as the longest label of a client, and of a group.
const CLIENT_LABEL: usize = "Connections:".len();
const GROUP_LABEL: usize = "Groupname:".len();

#[cfg(test)]
mod tests {
    use super::super::broker::BROKER;
    use super::super::dynsec::DYNSEC;
    use super::*;

    #[track_caller]
    fn check(module: &Module, payload: &str, expected: Result<&str, &str>) {
        let text = text(module, payload.as_bytes());
        assert_eq!(text.as_deref().map_err(String::as_str), expected, "{payload}");
    }

    #[test]
    fn what_is_no_answer_is_told() {
        check(&DYNSEC, "nothing", Err("Error: Payload not JSON."));
        for payload in ["{}", "[]", r#"{"responses":[]}"#, r#"{"responses":[{"data":1}]}"#] {
            check(&DYNSEC, payload, Err("Error: Payload missing data."));
        }
        let invalid = Err("Error: Invalid response from server.");
        check(&DYNSEC, r#"{"responses":[{"command":"getClient","data":{}}]}"#, invalid);
        check(&DYNSEC, r#"{"responses":[{"command":"listRoles","data":{"roles":1}}]}"#, invalid);
        check(&BROKER, r#"{"responses":[{"command":"listPlugins","data":{"plugins":[{}]}}]}"#, invalid);
        let unavailable = text(&BROKER, br#"{"error":"endpoint not available"}"#).expect_err("nobody is there");
        assert!(unavailable.contains("enable_control_api true"), "{unavailable}");
    }

    #[test]
    fn a_refusal_names_the_command() {
        let payload = r#"{"responses":[{"command":"getClient","error":"Client not found"}]}"#;
        check(&DYNSEC, payload, Err("getClient: Error: Client not found."));
    }

    #[test]
    fn the_server_itself_is_shown() {
        let payload = r#"{"responses":[{"command":"listListeners","data":{"listeners":[
            {"port":1883,"protocol":"mqtt","tls":false},{"socket-path":"/run/m","bind-address":"::1","tls":true}]}}]}"#;
        let expected = "Listener 1:\n  Port:              1883\n  Protocol:          mqtt\n  TLS:               false\n\n\
                        Listener 2:\n  Socket path:       /run/m\n  Bind address:      ::1\n  TLS:               true\n\n";
        check(&BROKER, payload, Ok(expected));
        let payload = r#"{"responses":[{"command":"listPlugins","data":{"plugins":[
            {"name":"dynsec","version":"2.1","control-endpoints":["$CONTROL/a","$CONTROL/b"]}]}}]}"#;
        let expected = "Plugin:            dynsec\nVersion:           2.1\nControl endpoints: $CONTROL/a\n                   $CONTROL/b\n";
        check(&BROKER, payload, Ok(expected));
    }

    #[test]
    fn a_client_of_a_later_server_has_connections() {
        let payload = r#"{"responses":[{"command":"getClient","data":{"client":{"username":"ada","clientid":"i","disabled":true,
            "roles":[{"rolename":"r","priority":2},{"rolename":"s"}],"groups":[],"connections":[{"address":"::1"}]}}}]}"#;
        let expected = "Username:    ada\nClientid:    i\nDisabled:    true\nRoles:       r (priority: 2)\n             \
                        s (priority: -1)\nConnections: ::1\n";
        check(&DYNSEC, payload, Ok(expected));
    }
}
