//! The nouns of docket and its schedule language. No I/O and no clock live here.
//!
//! A value of a type in this crate that exists is valid: reading is checking.

/// Lets serde read and write a type as the text that its `FromStr` reads and its `Display` writes.
// Before the modules: a macro is visible only behind its definition.
macro_rules! text_for_serde {
    ($type:ident, $error:ident) => {
        impl TryFrom<String> for $type {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, $error> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    };
}

pub mod allocation;
pub mod check_dependencies;
pub mod container;
pub mod document;
pub mod duration;
pub mod engine_name;
pub mod error_causes;
pub mod finding;
pub mod image_name;
pub mod journal;
pub mod measured_duration;
pub mod missed_instants;
pub mod name;
pub mod notification_decision;
pub mod one_line;
pub mod output;
pub mod parse_time;
pub mod run;
pub mod run_history_lines;
pub mod schedule;
mod schema_parts;
pub mod server_life;
pub mod size;
mod strict_json;
pub mod utf8_text;
pub mod wire;
pub mod zone;

pub use allocation::{Allocation, Origin, Specification};
pub use container::Container;
pub use document::Document;
pub use duration::Duration;
pub use engine_name::EngineName;
pub use finding::{FieldPath, Finding, Reported};
pub use name::AllocationName;
pub use output::Output;
pub use run::{Run, RunId};
pub use server_life::Life;
pub use size::Size;
pub use strict_json::{StrictJson, Within};
pub use zone::Zone;
