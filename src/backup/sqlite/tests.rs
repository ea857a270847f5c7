//! Real databases: good backups under live writes, and every sabotage with the layer that must catch it.

mod fixture;
mod good;
mod refused;
mod sabotage;
