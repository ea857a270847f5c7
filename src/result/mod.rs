//! The result of a run as reports need it: verdict, latency, ledger, restore proofs. Versioned.
