//! `simulacro proxy serve`: links that live on their own.

use super::args::ProxyServeArgs;
use super::exit::Exit;
use crate::proxy::serve::{ServeError, ServeOptions, serve as serve_links};

/// Serves until SIGINT or SIGTERM.
pub fn serve(args: &ProxyServeArgs) -> Exit {
    let seed = args.seed.unwrap_or_else(rand::random);
    let options = ServeOptions { listen: args.listen.clone(), config: args.config.clone(), seed };
    match serve_links(&options, |address| eprintln!("control API at http://{address}, seed {seed}")) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            eprintln!("{error}");
            match error {
                ServeError::Config(..) => Exit::Usage,
                ServeError::Listen(..) => Exit::Refused,
                ServeError::Runtime(_) => Exit::Bug,
            }
        }
    }
}
