//! The consent crate from outside: golden vectors, algebra, and what must not compile.

mod algebra;
mod compile_fail;
mod notice;
mod rules_change;
mod states;
mod telling;
mod vectors;
