//! The API without a network: requests go to the router as values, over a real store in a temporary directory.

mod beacons;
mod choices;
mod consent;
mod document;
mod lake;
mod operate;
mod processing;
mod publishing;
mod rig;
mod roles;
mod session;
mod simulation;
