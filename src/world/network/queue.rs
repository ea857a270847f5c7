//! Rules of iptables that lead packets to a queue in user space: what is said to it, and what it says. Pure.
//!
//! nftables could do the same in a table of our own, but kernels without netem often lack its `queue` expression, while
//! the target NFQUEUE of iptables is there. `--queue-bypass`: with nobody at the queue, packets pass as if no rule stood.

/// The two tools, each with the family that nftables gives its tables.
pub(super) const TOOLS: [(&str, &str); 2] = [("iptables", "ip"), ("ip6tables", "ip6")];

/// The words that set the rule.
pub(super) fn insert(tool: &str, device: Option<&str>, tag: &str, number: u16) -> Vec<String> {
    let device = device.map_or("! -i lo".to_owned(), |device| format!("-i {device}"));
    let text = format!(
        "{tool} -w 1 -t mangle -I INPUT 1 {device} -m comment --comment {tag} -j NFQUEUE --queue-num {number} \
         --queue-bypass"
    );
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

/// The words that list the rules, with their counters.
pub(super) fn list(tool: &str) -> [&str; 8] {
    [tool, "-w", "1", "-t", "mangle", "-S", "INPUT", "-v"]
}

/// The rules of a listing that carry the tag: for each, how many packets it met and the words that delete it.
pub(super) fn ours(tool: &str, listing: &str, tag: &str) -> Vec<(u64, Vec<String>)> {
    let rule = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().map(|word| word.trim_matches('"')).collect();
        let tagged = words.windows(2).any(|pair| pair == ["--comment", tag]);
        if words.first() != Some(&"-A") || !tagged {
            return None;
        }
        let counts = words.iter().position(|word| *word == "-c");
        let met = counts.and_then(|at| words.get(at + 1)?.parse().ok()).unwrap_or(0);
        let kept = words
            .iter()
            .enumerate()
            .filter(|(at, _)| *at > 0 && counts.is_none_or(|counts| !(counts..counts + 3).contains(at)));
        let begin = [tool, "-w", "1", "-t", "mangle", "-D"].map(str::to_owned);
        Some((met, begin.into_iter().chain(kept.map(|(_, word)| (*word).to_owned())).collect()))
    };
    listing.lines().filter_map(rule).collect()
}

/// What takes away the table that iptables itself made for our rule; none when anything else is in it by now.
pub(super) fn tidy(family: &str, table: &str) -> Option<String> {
    let empty =
        format!("table {family} mangle {{ chain INPUT {{ type filter hook input priority mangle; policy accept; }} }}");
    let words = |text: &str| text.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>();
    (words(table) == words(&empty))
        .then(|| format!("delete chain {family} mangle INPUT\ndelete table {family} mangle\n"))
}

/// Which queues have somebody at them, by `/proc/net/netfilter/nfnetlink_queue`: the first number of each line.
pub(super) fn attended(listing: &str) -> Vec<u16> {
    listing.lines().filter_map(|line| line.split_ascii_whitespace().next()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As iptables 1.8.9 prints it.
    const LISTING: &str = "-P INPUT ACCEPT -c 0 0\n\
        -A INPUT ! -i lo -m comment --comment simulacro_x -c 12 840 -j NFQUEUE --queue-num 20001 --queue-bypass\n\
        -A INPUT -m comment --comment \"somebody else\" -c 1 1 -j ACCEPT\n";

    #[test]
    fn only_rules_with_the_tag_are_ours_and_are_deleted_word_for_word() {
        let [(met, words)] = &ours("iptables", LISTING, "simulacro_x")[..] else { panic!("one rule") };
        assert_eq!(*met, 12);
        let expected = "iptables -w 1 -t mangle -D INPUT ! -i lo -m comment --comment simulacro_x -j NFQUEUE \
                        --queue-num 20001 --queue-bypass";
        assert_eq!(words.join(" "), expected);
        assert!(ours("iptables", LISTING, "simulacro").is_empty());
    }

    #[test]
    fn a_table_with_anything_else_in_it_stays() {
        let empty =
            "table ip mangle {\n\tchain INPUT {\n\t\ttype filter hook input priority mangle; policy accept;\n\t}\n}\n";
        assert!(tidy("ip", empty).is_some_and(|words| words.contains("delete table ip mangle")));
        assert_eq!(tidy("ip", &empty.replace("accept;", "accept;\n counter packets 1 bytes 1 accept")), None);
        assert_eq!(tidy("ip", ""), None);
    }

    #[test]
    fn queues_with_somebody_at_them() {
        assert_eq!(attended("20001  12345     0 0     0     0     0        0  1\n"), [20001]);
    }
}
