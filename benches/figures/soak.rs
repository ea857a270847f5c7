//! Ten real minutes of a drill at 1,000 requests/s: whether the runner and its worker grow.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::machine::{Kept, children, memory, program, setting};
use crate::nginx::Nginx;
use crate::table::{head, heading, row, slope};

pub fn run() -> Result<(), Failure> {
    let minutes = setting("SIMULACRO_BENCH_SOAK_MINUTES", 10);
    let nginx = Nginx::start()?;
    let folder = tempfile::tempdir()?;
    fs::write(
        folder.path().join("steady.yaml"),
        "{ simulacro_profile: 1, name: steady, constant_arrival_rate: { rate: 1000 }, timeout: 5s, \
           requests: [{ name: get, path: '/index.html?n=${seq}', expect: { status: 200 } }] }",
    )?;
    let drill = folder.path().join("soak.yaml");
    fs::write(
        &drill,
        format!(
            "name: soak\nload: [{{ name: steady, profile: steady.yaml, base_url: '{}' }}]\n\
             phases: {{ warmup: 1s, baseline: {minutes}m, after: 1s }}\n",
            nginx.base()
        ),
    )?;
    let runner = std::process::Command::new(program())
        .arg("run")
        .arg(&drill)
        .env("SIMULACRO_STATE_DIR", folder.path().join("state"))
        .env("SIMULACRO_REPORT_DIR", folder.path().join("reports"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut runner = Kept(runner);
    let pid = runner.0.id();
    let begin = Instant::now();
    let (mut of_runner, mut of_worker) = (Vec::new(), Vec::new());
    let status = loop {
        if let Some(status) = runner.0.try_wait()? {
            break status;
        }
        let at = begin.elapsed().as_secs_f64() / 60.0;
        // The first tenth fills what is filled once; in the last seconds the report is made.
        if at > minutes as f64 * 0.1 && at < minutes as f64 {
            of_runner.extend(memory(pid, "VmRSS").map(|now| (at, now)));
            of_worker.extend(
                children(pid, "load-worker").first().and_then(|pid| memory(*pid, "VmRSS")).map(|now| (at, now)),
            );
        }
        std::thread::sleep(Duration::from_secs(1));
    };
    heading(
        &format!("{minutes} real minutes at 1,000 requests/s"),
        "soak10",
        &format!(
            "A drill without faults against nginx; resident memory (`VmRSS`) each second, a straight line by least \
             squares from a tenth of the time on, with the standard error of its slope. The drill ended with {status}."
        ),
    );
    head(&["process", "at first, MB", "at last, MB", "slope, KB a minute", "that would be in 8 hours, MB", "bar"]);
    for (what, points) in [("runner", of_runner), ("worker", of_worker)] {
        let (Some(first), Some(last)) = (points.first(), points.last()) else {
            return Err(format!("the {what} was never seen").into());
        };
        let (rises, error) = slope(&points);
        row(&[
            what.into(),
            format!("{:.1}", first.1),
            format!("{:.1}", last.1),
            format!("{:.1} ± {:.1}", rises * 1000.0, error * 1000.0),
            format!("{:.1}", rises * 480.0),
            "flat".into(),
        ]);
    }
    Ok(())
}
