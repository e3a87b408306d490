//! The console's page as people use it: in a real browser, in front of the real server.
//!
//! What is done there stands in scripts beside the page's sources (`crates/console/web/e2e`), each a story that fails with what it missed; here they
//! are given a server, and the page is held against its sources.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use midge_testkit::Server;
use midge_testkit::environment::{
    chromium, console_packages, matplotlib, midge_program, need, scratch_folder, workspace,
};
use midge_testkit::ports::free_port;

/// A copy of the page's sources in which Node finds its packages: it looks for them above the file that asks.
fn sources(test: &str) -> Option<PathBuf> {
    let packages = need(console_packages())?;
    let page = scratch_folder(&format!("console-page-{test}")).join("web");
    let from = workspace().join("crates/console/web");
    fs::create_dir(&page).expect("made");
    for entry in fs::read_dir(&from).expect("it is there").flatten() {
        let name = entry.file_name();
        if name != "node_modules" {
            let status = Command::new("cp").arg("-r").arg(entry.path()).arg(page.join(name)).status();
            assert!(status.is_ok_and(|status| status.success()));
        }
    }
    symlink(packages.join("node_modules"), page.join("node_modules")).expect("a link");
    Some(page)
}

/// What Node says when it runs this in the folder; it must succeed.
#[track_caller]
fn node(page: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let output = Command::new("node").args(arguments).envs(variables.iter().copied()).current_dir(page).output();
    let output = output.expect("node runs");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {}\n{said}", output.status);
    said
}

/// All files below a folder with their bytes, by their names.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below it").to_owned();
                found.push((name, fs::read(&path).expect("it can be read")));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn what_is_built_is_what_its_sources_say() {
    let Some(page) = sources("built") else { return };
    let committed = files(&page.join("dist"));
    fs::remove_dir_all(page.join("dist")).expect("removed");
    node(&page, &["node_modules/vite/bin/vite.js", "build"], &[]);
    let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|file| file.0.clone()).collect::<Vec<_>>();
    let built = files(&page.join("dist"));
    let remedy = "run `npm run build` in crates/console/web and commit dist";
    assert_eq!(names(&committed), names(&built), "{remedy}");
    for (committed, built) in committed.iter().zip(&built) {
        assert!(committed.1 == built.1, "{} is older than its sources: {remedy}", built.0.display());
    }
}

#[test]
fn its_parts_that_need_no_browser_do_what_they_say() {
    let Some(page) = sources("parts") else { return };
    node(&page, &["node_modules/typescript/bin/tsc", "--noEmit"], &[]);
    node(&page, &["node_modules/vitest/vitest.mjs", "run"], &[]);
}

/// A file in which ada has a password.
fn passwords(page: &Path) -> String {
    let file = page.join("passwords");
    let made = Command::new(midge_program()).args(["passwd", "-b", "-c"]).arg(&file).args(["ada", "secret"]).status();
    assert!(made.is_ok_and(|status| status.success()));
    file.display().to_string()
}

#[test]
fn people_find_what_they_look_for() {
    let (Some(page), Some(chromium)) = (sources("stories"), need(chromium())) else { return };
    let passwords = passwords(&page);
    let (port, other) = (free_port(), free_port());
    let mut server = Server::start(&format!(
        "allow_anonymous false\npassword_file {passwords}\nlistener {other} 127.0.0.1\nconsole_listener {port}\nconsole_admin ada\n"
    ));
    // Whoever tells the story has the server taken away by making this file, and waits until it is gone.
    let lose = page.join("lose");
    let script = format!("touch '{0}'; while [ -e '{0}' ]; do sleep 0.1; done", lose.display());
    let mut stories = Command::new("node")
        .arg("e2e/run.mjs")
        .env("MIDGE_CONSOLE", format!("http://127.0.0.1:{port}"))
        .envs([("MIDGE_USER", "ada"), ("MIDGE_PASSWORD", "secret"), ("MIDGE_LOSE", script.as_str())])
        .env("CHROMIUM", chromium)
        .current_dir(&page)
        .stdout(fs::File::create(page.join("told")).expect("a file"))
        .stderr(Stdio::inherit())
        .spawn()
        .expect("node runs");
    let status = loop {
        if let Some(status) = stories.try_wait().expect("a child") {
            break status;
        }
        if lose.exists() {
            server.kill();
            fs::remove_file(&lose).expect("removed");
            std::thread::sleep(Duration::from_secs(4));
            server.restart();
        }
        sleep_briefly();
    };
    let told = fs::read_to_string(page.join("told")).expect("text");
    assert!(status.success(), "{told}");
    assert!(!told.contains("left out"), "{told}");
}

#[test]
fn the_first_number_is_drawn_by_what_the_page_says() {
    let (Some(page), Some(chromium)) = (sources("first"), need(chromium())) else { return };
    let port = free_port();
    let server = Server::start(&format!("allow_anonymous true\nconsole_listener {port}\n"));
    server.expect_log(" running");
    let console = format!("http://127.0.0.1:{port}");
    let chromium = chromium.display().to_string();
    node(&page, &["e2e/first.mjs"], &[("MIDGE_CONSOLE", &console), ("CHROMIUM", &chromium)]);
}

#[test]
fn a_chart_shows_the_curve_that_another_program_draws() {
    let (Some(page), Some(chromium), Some(python)) = (sources("curve"), need(chromium()), need(matplotlib())) else {
        return;
    };
    let port = free_port();
    let passwords = passwords(&page);
    let server = Server::start(&format!(
        "allow_anonymous true\npassword_file {passwords}\nconsole_listener {port}\nconsole_admin ada\n"
    ));
    let program = workspace().join("crates/testkit/python/plot_live.py");
    let plot = format!("{} {} 127.0.0.1 {} 1", python.display(), program.display(), server.port());
    fs::create_dir_all(page.join(".shots")).expect("a folder");
    node(
        &page,
        &["e2e/curve.mjs"],
        &[
            ("MIDGE_CONSOLE", &format!("http://127.0.0.1:{port}")),
            ("MIDGE_USER", "ada"),
            ("MIDGE_PASSWORD", "secret"),
            ("MIDGE_PLOT", &plot),
            // There is no screen.
            ("MPLBACKEND", "Agg"),
            ("CHROMIUM", &chromium.display().to_string()),
        ],
    );
    let picture = fs::read(page.join(".shots/plot.png")).expect("a picture");
    assert_eq!(picture.get(1..4), Some(&b"PNG"[..]));
}

/// Never true, so that it can stand in a condition.
fn sleep_briefly() -> bool {
    std::thread::sleep(Duration::from_millis(50));
    false
}

/// A server that is made up, and in which all is to be seen that a page can show.
struct Mock(Child);

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn nobody_is_kept_out_by_how_the_page_is_made() {
    let (Some(page), Some(chromium)) = (sources("axe"), need(chromium())) else { return };
    let port = free_port().to_string();
    let mock = Command::new("node").args(["mock/server.mjs", "--port", &port]).current_dir(&page).spawn();
    let _mock = Mock(mock.expect("node runs"));
    let listens = || TcpStream::connect(format!("127.0.0.1:{port}")).is_ok();
    assert!((0..600).any(|_| listens() || sleep_briefly()), "the mock does not listen");
    let console = format!("http://127.0.0.1:{port}");
    let chromium = chromium.display().to_string();
    node(&page, &["e2e/axe.mjs"], &[("MIDGE_CONSOLE", &console), ("CHROMIUM", &chromium)]);
}
