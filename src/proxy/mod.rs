//! The link proxy, a process of its own: one pump does the I/O, rules decide.
//!
//! ```text
//! serve/    a process that lives on its own: Toxiproxy's HTTP API, and leases for drills
//! worker   the process: first line of standard input = assignment, then lease; says Ready or Failed on standard output
//!   control   a Unix socket that takes orders, one JSON document per line (world::links::protocol)
//!   link      a listener, its rules, its connections: the only place where rules change
//!     door      the listening socket: opened, shut (connections refused, port kept), opened again
//!     hands     the threads that carry connections
//!     carry     the life of one connection
//!     pump      one per connection: moves bytes as the rules allow
//!       view      the newest rules, as a connection sees them
//!       window    what one direction holds back
//!       http/     plain HTTP/1.1 as it passes, and what rules make of it
//!       rules/    pure decisions, one file per kind
//! ```

mod carry;
mod control;
mod door;
mod hands;
mod http;
mod link;
mod pump;
pub mod rules;
pub mod serve;
mod view;
mod window;
mod worker;

pub use worker::proxy_worker;
