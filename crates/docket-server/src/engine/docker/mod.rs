//! The Docker engine, over bollard.
