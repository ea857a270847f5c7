//! Drives a control API with the published client; panics where it does not behave. Arguments: address of the API, of
//! an upstream that answers each line with the same line.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use toxiproxy_rust::client::Client;
use toxiproxy_rust::proxy::ProxyPack;

/// How long a line takes there and back.
fn echo(address: &str) -> std::io::Result<Duration> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let began = Instant::now();
    stream.write_all(b"line\n")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    if line == "line\n" { Ok(began.elapsed()) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (api, upstream) = (&args[1], &args[2]);
    let client = Client::new(api.as_str());
    assert!(client.is_running());
    assert!(client.version().expect("a version").contains("\"version\""));

    let pack = ProxyPack::new("echo".into(), "127.0.0.1:0".into(), upstream.clone());
    let made = client.populate(vec![pack]).expect("populated");
    let listen = made[0].proxy_pack.listen.clone();
    assert!(made[0].proxy_pack.enabled && !listen.ends_with(":0"), "{listen}");
    echo(&listen).expect("passes");
    assert_eq!(client.all().expect("all").len(), 1);

    let proxy = client.find_proxy("echo").expect("found");
    proxy
        .with_latency("downstream".into(), 100, 0, 1.0)
        .with_bandwidth("upstream".into(), 100, 1.0)
        .with_slow_close("downstream".into(), 10, 1.0)
        .with_slicer("downstream".into(), 64, 8, 10, 1.0)
        .with_limit_data("upstream".into(), 1_000_000, 1.0);
    assert_eq!(proxy.toxics().expect("toxics").len(), 5);
    assert!(echo(&listen).expect("passes, late") >= Duration::from_millis(100));

    proxy.delete_all_toxics().expect("deleted");
    assert!(proxy.toxics().expect("toxics").is_empty());
    let timeout = proxy.with_timeout("downstream".into(), 50, 1.0);
    assert!(echo(&listen).is_err(), "the connection is closed without an answer");
    timeout.delete_all_toxics().expect("deleted");

    proxy.with_down(|| assert!(TcpStream::connect(&listen).is_err(), "a proxy that is down refuses")).expect("down and up");
    echo(&listen).expect("passes again");
    proxy.with_latency("upstream".into(), 100, 0, 1.0);
    client.reset().expect("reset");
    assert!(proxy.toxics().expect("toxics").is_empty());
    client.find_and_reset_proxy("echo").expect("found and reset");
    proxy.delete().expect("deleted");
    assert!(client.find_proxy("echo").is_err());
    println!("toxiproxy_rust: every call behaves");
}
