//! The options of a container, whose keys are those of the Engine API.

use serde_json::json;

use super::{
    super::{key_definition::KeyDocs, writer::Written},
    Form,
};
use crate::{
    container::{self, Container},
    finding::listed,
};

/// The documentation of a key directly below `Container`.
pub(in crate::allocation) struct ContainerPart {
    pub(in crate::allocation) name: &'static str,
    pub(in crate::allocation) meaning: &'static str,
    pub(in crate::allocation) values: &'static str,
    pub(in crate::allocation) default: &'static str,
}

/// The options of a container.
pub(in crate::allocation) fn container(parts: &[ContainerPart]) -> Form<Container> {
    let mut schema = container::outline_schema();
    for part in parts {
        schema["properties"][part.name]["description"] = part.meaning.into();
    }
    let names: Vec<_> = parts.iter().map(|part| part.name).collect();
    let keys = parts.iter().map(|part| KeyDocs {
        path: part.name.to_owned(),
        meaning: part.meaning,
        values: part.values.to_owned(),
        default: part.default.to_owned(),
    });
    let form = Form::new(
        schema,
        format!("mapping of {}", listed(&names, " and ")),
        |reader, at, value| {
            let unknown = reader.unknown_options;
            Container::read(value, at, unknown, &mut reader.errors, &mut reader.warnings)
        },
        |container| Some(Written::Container(container)),
    );
    // What is missing then is its image.
    Form { empty: Some(json!({})), keys: keys.collect(), ..form }
}
