//! docket's server as a library.
