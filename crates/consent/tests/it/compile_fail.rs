//! What must not compile: making, copying or storing a `Permitted` outside the gate.

#[test]
fn permitted_is_made_by_the_gate_only() {
    trybuild::TestCases::new().compile_fail("tests/it/compile_fail/*.rs");
}
