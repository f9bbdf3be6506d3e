//! The store's contract over every engine, what only the SQLite engine promises, and the way from files and choices
//! through the store to tenants and their gates.

mod accounts;
mod adopt;
mod alerts;
mod apply;
mod audit;
mod beside;
mod configuration;
mod conformance;
mod evidence;
mod linking;
mod load;
mod rates;
mod recorder;
mod reload;
mod round_trip;
mod setup;
mod sites;
mod sqlite;
mod telling;
