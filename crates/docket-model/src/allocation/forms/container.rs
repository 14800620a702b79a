//! The options of a container, whose keys are those of the Engine API.

use serde_json::{Map, Value};

use super::{
    super::{key::KeyDocs, reader::Reader, writer::Written},
    Form,
};
use crate::{
    container::{self, Container},
    finding::Place,
};

/// The options of a container.
pub(in crate::allocation) struct ContainerOptions {
    pub(in crate::allocation) parts: &'static [ContainerPart],
}

/// The documentation of a key directly below `Container`.
pub(in crate::allocation) struct ContainerPart {
    pub(in crate::allocation) name: &'static str,
    pub(in crate::allocation) meaning: &'static str,
    pub(in crate::allocation) values: &'static str,
    pub(in crate::allocation) default: &'static str,
}

impl Form<Container> for ContainerOptions {
    fn read(&self, reader: &mut Reader, at: Place<'_>, value: Value) -> Option<Container> {
        let unknown = reader.unknown_options;
        Container::read(value, at, unknown, &mut reader.errors, &mut reader.warnings)
    }

    fn write<'a>(&self, value: &'a Container) -> Option<Written<'a>> {
        Some(Written::Container(value))
    }

    fn schema(&self) -> Value {
        let mut schema = container::outline_schema();
        for part in self.parts {
            schema["properties"][part.name]["description"] = part.meaning.into();
        }
        schema
    }

    fn words(&self) -> String {
        let names: Vec<_> = self.parts.iter().map(|part| part.name).collect();
        format!("mapping of {}", crate::finding::listed(&names, " and "))
    }

    /// What is missing then is its image.
    fn missing(&self, reader: &mut Reader, at: Place<'_>) -> Option<Container> {
        self.read(reader, at, Value::Object(Map::new()))
    }

    fn describe(&self, path: &str, rows: &mut Vec<KeyDocs>) {
        rows.extend(self.parts.iter().map(|part| KeyDocs {
            path: format!("{path}.{}", part.name),
            meaning: part.meaning,
            values: part.values.to_owned(),
            default: part.default.to_owned(),
        }));
    }
}
