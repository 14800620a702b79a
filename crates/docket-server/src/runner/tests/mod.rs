//! The runner over the real Docker client, whose engine answers as a test says.

mod hanging_calls;
