//! The bytes on disk: round trips, goldens, and any bytes at all.
