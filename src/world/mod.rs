//! Drivers that touch the world, and the simulated world; each driver reverts its own undo.
