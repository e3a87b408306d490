//! Recovery, tested through records.
