//! JSON, as this program writes it: one object on a line.

use midge_server::json::quoted;

/// An object that is being written.
pub(crate) struct Object {
    text: String,
}

impl Object {
    pub(crate) fn new() -> Self {
        Self { text: "{".to_owned() }
    }

    pub(crate) fn number(&mut self, name: &str, value: impl Into<u64>) -> &mut Self {
        self.raw(name, &value.into().to_string())
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.raw(name, &quoted(value))
    }

    pub(crate) fn flag(&mut self, name: &str, value: bool) -> &mut Self {
        self.raw(name, if value { "true" } else { "false" })
    }

    /// A number, or `null`.
    pub(crate) fn maybe(&mut self, name: &str, value: Option<impl Into<u64>>) -> &mut Self {
        let value = value.map(|value| value.into().to_string());
        self.raw(name, value.as_deref().unwrap_or("null"))
    }

    pub(crate) fn object(&mut self, name: &str, value: Object) -> &mut Self {
        self.raw(name, &value.finish())
    }

    pub(crate) fn list(&mut self, name: &str, values: impl Iterator<Item = Object>) -> &mut Self {
        let values: Vec<String> = values.map(Object::finish).collect();
        self.raw(name, &format!("[{}]", values.join(",")))
    }

    pub(crate) fn finish(mut self) -> String {
        self.text.push('}');
        self.text
    }

    fn raw(&mut self, name: &str, value: &str) -> &mut Self {
        if self.text.len() > 1 {
            self.text.push(',');
        }
        self.text.push_str(&quoted(name));
        self.text.push(':');
        self.text.push_str(value);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_one_line_whatever_is_in_it() {
        let mut inner = Object::new();
        inner.flag("yes", true);
        let mut object = Object::new();
        object.number("n", 7_u32).text("text", "a\"b\\c\n\u{1b}[1mü").maybe("none", None::<u64>).object("in", inner);
        object.list("list", [Object::new()].into_iter());
        let expected = r#"{"n":7,"text":"a\"b\\c\u000a\u001b[1mü","none":null,"in":{"yes":true},"list":[{}]}"#;
        assert_eq!(object.finish(), expected);
    }
}
