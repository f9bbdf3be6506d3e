//! The binary from outside: over HTTP, by its signals, through its crashes.
//!
//! Every test has a server, ports and a directory of its own. Servers are stopped by their pid.

mod api;
mod backup;
mod client;
mod configuration;
mod crash;
mod disk_full;
mod gate;
mod golden;
mod harness;
mod lake_s3;
mod oracle;
mod otlp;
mod power_loss;
mod replay;
mod retention;
mod shutdown;
mod sink;
