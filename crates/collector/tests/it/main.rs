//! The collector over real HTTP, against the log in memory.

mod bad_input;
mod beacon;
mod conformance;
mod consent_rules;
mod form;
mod pressure;
mod region;
mod sdk;
mod seal;
mod setup;
mod shadow;
mod sites;
mod visitor;
