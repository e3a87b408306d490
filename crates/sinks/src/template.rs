//! Names that are made of the topic: `{topic}`, `{1}` for its first level, `{-1}` for its last one, and text between.

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Template(Vec<Part>);

/// A piece of a [`Template`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    /// As it stands.
    Text(String),
    /// The Topic Name.
    Topic,
    /// A level of it: 1 is the first, -1 the last.
    Level(i32),
}

impl Template {
    /// Of these pieces.
    pub fn new(parts: Vec<Part>) -> Template {
        Template(parts)
    }

    /// Writes what it stands for behind `out`; `false`: the topic has not as many levels, and nothing is to be made of it.
    pub fn write(&self, topic: &str, out: &mut String) -> bool {
        self.0.iter().all(|part| match part {
            Part::Text(text) => {
                out.push_str(text);
                true
            }
            Part::Topic => {
                out.push_str(topic);
                true
            }
            Part::Level(number) => level(topic, *number).inspect(|level| out.push_str(level)).is_some(),
        })
    }
}

fn level(topic: &str, number: i32) -> Option<&str> {
    let back = number.unsigned_abs() as usize;
    let level = if number > 0 { topic.split('/').nth(back - 1) } else { topic.rsplit('/').nth(back.checked_sub(1)?) };
    level.filter(|level| !level.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_counted_from_both_ends() {
        let check = |parts: &[Part], expected: Option<&str>| {
            let mut out = String::new();
            let found = Template::new(parts.to_vec()).write("site/7/temperature", &mut out);
            assert_eq!(found.then_some(&*out), expected, "{parts:?}");
        };
        check(&[Part::Topic], Some("site/7/temperature"));
        check(&[Part::Level(1), Part::Text("-".to_owned()), Part::Level(-1)], Some("site-temperature"));
        check(&[Part::Level(3)], Some("temperature"));
        check(&[Part::Level(-3)], Some("site"));
        check(&[Part::Level(4)], None);
        check(&[Part::Level(-4)], None);
        check(&[Part::Level(0)], None);
    }
}
