//! Undo of a rule on a link.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Family, Home};
use crate::model::{Name, RuleId};

/// Undo for a link: remove one rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinkUndo {
    /// Where the proxy takes orders: the path of a Unix socket, or an `http://` address of a proxy that already ran.
    pub control: String,
    /// The link.
    pub link: Name,
    /// The rule to remove.
    pub rule: RuleId,
}

impl Family for LinkUndo {
    fn by_hand(&self) -> String {
        let LinkUndo { control, link, rule } = self;
        if control.starts_with("http") {
            let order = format!(r#"{{"remove":{{"link":"{link}","id":"{}"}}}}"#, rule.0);
            return format!("curl -d '{order}' {control}/simulacro/v1/orders");
        }
        format!("remove rule {} from link {link} of the proxy at {control}, or end that proxy", rule.0)
    }

    fn subject(&self) -> String {
        format!("link {}", self.link)
    }

    fn longest(&self) -> Duration {
        Duration::from_secs(5)
    }

    /// An order to a proxy that nobody answers within this time was not accepted.
    fn flight(&self) -> Duration {
        Duration::from_secs(2)
    }

    /// The address of a proxy that already ran means the same from everywhere; a socket's path only where it was made,
    /// and the drill's own proxy ended with the boot that ran it.
    fn home(&self) -> Home {
        if self.control.starts_with("http") { Home::Anywhere } else { Home::Boot }
    }
}
