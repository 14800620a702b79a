//! What requests and slow clients take of the server's memory.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use docket_stub_engine::Options;
use docket_tests::{
    Server, StubEngine,
    allocation::idle,
    eventually,
    peak_memory::{MIB, Peak, unread},
    raw_http_client::{Address, Reply, Request},
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A server with a stub engine, which has to live as long.
fn serve(arguments: &[&str]) -> (Server, StubEngine) {
    let stub = StubEngine::start(Options::default());
    let server = Server::listening("127.0.0.1:0", &stub.docker_host(), |command| {
        command.args(arguments);
    });
    (server, stub)
}

/// An allocation of this many bytes.
fn of_size(name: &str, bytes: usize) -> Value {
    let mut allocation = idle(name);
    allocation["Container"]["Config"]["Env"] = json!([format!("{name}={}", "x".repeat(bytes))]);
    allocation
}

/// A server that has this many allocations of this many bytes since it started: what it took to push them
/// is no part of its memory.
fn serve_filled(count: usize, bytes: usize) -> (Server, GuardedProcess) {
    let directory = TempDir::new().unwrap();
    let store = format!("sqlite:{}", directory.path().join("docket.db").display());
    let (server, _stub) = serve(&["--store", &store]);
    fill(&server, count, bytes);
    server.stop();
    let (server, stub) = serve(&["--store", &store]);
    (server, GuardedProcess((stub, directory)))
}

/// What a server needs for as long as it runs.
struct GuardedProcess(#[expect(dead_code, reason = "it is held")] (StubEngine, TempDir));

/// Pushes this many allocations of this many bytes, a hundred at a time.
fn fill(server: &Server, count: usize, bytes: usize) {
    let numbers: Vec<_> = (0..count).collect();
    for some in numbers.chunks(100) {
        let some: Vec<_> = some.iter().map(|n| of_size(&format!("a{n}"), bytes)).collect();
        let reply = server.send(&Request::post(json!(some)));
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
}

/// The path that a `Link` to the next page names.
fn next(reply: &Reply) -> Option<String> {
    let link = reply.header("link")?;
    Some(link.strip_prefix('<')?.split_once('>')?.0.to_owned())
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item["Name"].as_str().unwrap()).collect()
}

#[test]
fn readers_of_a_long_list_who_read_nothing_take_little_memory() {
    let (server, _kept) = serve_filled(600, 100_000);
    let peak = Peak::from_now(&server);

    let readers: Vec<_> = (0..64).map(|_| unread(&server, &Request::get("/"))).collect();
    let whole = server.get("/");

    assert_eq!(names(&whole.json()).len(), 600);
    peak.assert_at_most(64 * MIB);
    drop(readers);
}

#[test]
fn readers_of_a_page_who_read_nothing_take_little_memory() {
    let (server, _kept) = serve_filled(600, 100_000);
    let peak = Peak::from_now(&server);

    let request = Request::get("/?limit=10000");
    let readers: Vec<_> = (0..64).map(|_| unread(&server, &request)).collect();
    let mut path = Some("/?limit=10000".to_owned());
    let mut listed = Vec::new();
    while let Some(page) = path {
        let reply = server.get(&page);
        assert!(reply.body.len() < 1 << 20, "a page of {} bytes", reply.body.len());
        listed.extend(names(&reply.json()).into_iter().map(str::to_owned));
        path = next(&reply);
    }

    assert_eq!(listed, (0..600).map(|n| format!("a{n}")).collect::<Vec<_>>());
    peak.assert_at_most(64 * MIB);
    drop(readers);
}

#[test]
fn readers_of_one_large_allocation_who_read_nothing_take_little_memory() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("docket.sock");
    let stub = StubEngine::start(Options::default());
    // The system holds far less of what is sent to a Unix socket than of what is sent to a port.
    let listen = format!("unix:{}", path.display());
    let server = Server::listening(&listen, &stub.docker_host(), |_| {});
    server.push(&of_size("large", 3_000_000));
    let peak = Peak::from_now(&server);

    let readers: Vec<_> = (0..64)
        .map(|_| {
            let mut stream = UnixStream::connect(&path).unwrap();
            stream.write_all(&Request::get("/large").head("localhost")).unwrap();
            stream.read_exact(&mut [0; 12]).unwrap();
            stream
        })
        .collect();
    let whole = server.allocation("large");

    let env = whole["Container"]["Config"]["Env"][0].as_str().unwrap();
    assert_eq!(env.len(), "large=".len() + 3_000_000);
    peak.assert_at_most(64 * MIB);
    drop(readers);
}

#[test]
fn readers_of_the_journal_who_read_nothing_take_little_memory() {
    let (server, _stub) = serve(&[]);
    server.push(&idle("a"));
    let reason = json!({ "Reason": "x".repeat(4096) });
    for _ in 0..400 {
        for verb in ["suspend", "resume"] {
            let body = if verb == "suspend" { reason.to_string() } else { "{}".to_owned() };
            let reply = server.send(&Request::post_to(&format!("/a/{verb}"), body));
            assert_eq!(reply.status, 200, "{}", reply.text());
        }
    }
    let peak = Peak::from_now(&server);

    let request = Request::get("/-/journal?limit=1000");
    let readers: Vec<_> = (0..64).map(|_| unread(&server, &request)).collect();
    let mut path = Some("/-/journal?limit=1000".to_owned());
    let mut suspensions = 0;
    while let Some(page) = path {
        let reply = server.get(&page);
        assert!(reply.body.len() < 600 << 10, "a page of {} bytes", reply.body.len());
        suspensions += reply.text().matches("Suspended").count();
        path = next(&reply);
    }

    assert_eq!(suspensions, 400);
    peak.assert_at_most(64 * MIB);
    drop(readers);
}

/// Begins to send a body of this many bytes, as much of it as is given.
fn begin(server: &Server, path: &str, length: usize, body: &[u8]) -> TcpStream {
    let Address::Tcp(host) = server.address() else { panic!("no port to connect to") };
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    let mut stream = TcpStream::connect(&host).unwrap();
    // The server may refuse the body before all of it is sent.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    stream.set_nonblocking(true).unwrap();
    stream
}

/// What the server has answered by now, if it has.
fn answered(stream: &mut TcpStream) -> Option<String> {
    let mut answer = [0; 4096];
    match stream.read(&mut answer) {
        Ok(length) => Some(String::from_utf8_lossy(&answer[..length]).to_lowercase()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        // The server did not read what was still on the way.
        Err(_) => Some(String::new()),
    }
}

#[test]
fn bodies_that_arrive_at_once_take_a_bounded_part_of_memory() {
    let (server, _stub) = serve(&[]);
    let peak = Peak::from_now(&server);
    let body = vec![b' '; 8 << 20];

    let mut senders: Vec<_> = (0..40).map(|_| begin(&server, "/", 16 << 20, &body)).collect();
    let mut answers = Vec::new();
    eventually("most bodies are refused", || {
        senders.retain_mut(|sender| match answered(sender) {
            Some(answer) => {
                answers.push(answer);
                false
            }
            None => true,
        });
        (senders.len() <= 12).then_some(())
    });

    peak.assert_at_most(128 * MIB);
    let busy = |answer: &&String| answer.contains(" 503 ") && answer.contains("retry-after: 5");
    assert!(answers.iter().any(|answer| busy(&answer)), "{answers:?}");
    drop(senders);
    eventually("room for bodies again", || {
        (server.send(&Request::post(of_size("fits", 1 << 20))).status == 200).then_some(())
    });
}

#[test]
fn a_push_of_nothing_but_errors_takes_little_memory_and_is_answered_in_brief() {
    let (server, _stub) = serve(&[]);
    let body = format!("[{}{{}}]", "{},".repeat(1_000_000));
    let omitted = 3 * 1_000_001 - 100;
    let peak = Peak::from_now(&server);

    let original = server.send(&Request::post(&body));
    let problem = server.send(&Request::post(&body).header("Accept", "application/problem+json"));

    peak.assert_at_most(30 * MIB);
    assert_eq!(original.status, 422);
    let refused = original.json();
    assert_eq!(refused["fields"].as_object().unwrap().len(), 100);
    let rest = format!("{omitted} more errors are not shown");
    assert_eq!(refused["overall"], json!({ "Omitted": rest }));
    assert!(problem.problem().ends_with(&rest));
    let problem = problem.json();
    assert_eq!(problem["errors"].as_array().unwrap().len(), 100);
    assert_eq!(problem["omitted"], omitted);
}

#[test]
fn values_that_would_take_a_multiple_of_their_text_are_refused() {
    let (server, _stub) = serve(&[]);
    let body = format!(r#"[{{"Name":"a","Container":[{}[]]}}]"#, "[],".repeat(5_000_000));
    let peak = Peak::from_now(&server);

    let reply = server.send(&Request::post(&body));

    peak.assert_at_most(64 * MIB);
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("the allocation is too large"), "{}", reply.text());
}

/// Sends a document to be checked twelve times at once.
fn check_twelve(server: &Server, document: &str) -> Vec<Reply> {
    let request =
        Request::new("POST", "/-/check").header("Content-Type", "application/yaml").body(document);
    let address = server.address();
    thread::scope(|scope| {
        let checks: Vec<_> = (0..12).map(|_| scope.spawn(|| request.send(&address))).collect();
        checks.into_iter().map(|check| check.join().unwrap()).collect()
    })
}

#[test]
fn checks_of_documents_that_grow_take_a_bounded_part_of_memory() {
    let (server, _stub) = serve(&[]);
    let keys: Vec<_> = (0..20_000).map(|n| format!("k{n}: , ")).collect();
    let merged = format!("- &a {{{}}}\n- [{}]\n", keys.concat(), "{<<: *a}, ".repeat(60_000));
    let chain: Vec<_> = (1..300).map(|n| format!("- &a{n} {{<<: *a{}}}\n", n - 1)).collect();
    let chain = format!("- &a0 {{{}}}\n{}", keys.concat(), chain.concat());
    let each =
        |n| format!("- {{Name: a{n}, Cron: '', Container: {{Config: {{Image: x, Env: [*t]}}}}}}\n");
    let each: Vec<_> = (0..1000).map(each).collect();
    let alias = format!("- &t {}\n{}", "x".repeat(900_000), each.concat());
    let values = format!("[[{}1]]", "1,".repeat(500_000));

    for (document, message) in [
        (&merged, "`<<` makes this document too large"),
        (&chain, "the document is too large"),
        (&alias, "the document is too large"),
        (&values, "the document is too large"),
    ] {
        assert!(document.len() < 1 << 20);
        let peak = Peak::from_now(&server);
        for reply in check_twelve(&server, document) {
            assert_eq!(reply.status, 200, "{}", reply.text());
            assert_eq!(reply.text().matches(message).count(), 1, "{}", reply.text());
        }
        peak.assert_at_most(256 * MIB);
    }
}

#[test]
fn the_server_says_that_it_is_healthy_while_many_read_long_lists() {
    let (server, _stub) = serve(&[]);
    let specifications: Vec<_> = (0..100_000).map(|n| idle(&format!("a{n}"))).collect();
    for some in specifications.chunks(10_000) {
        assert_eq!(server.send(&Request::post(json!(some))).status, 200);
    }
    let mut readers: Vec<_> = (0..50).map(|_| unread(&server, &Request::get("/"))).collect();
    for reader in &mut readers {
        reader.read_exact(&mut [0; 1024]).unwrap();
    }

    // Each reader's connection ends with its list.
    let read = AtomicUsize::new(0);
    let read_before = thread::scope(|scope| {
        for mut reader in &readers {
            let read = &read;
            scope.spawn(move || {
                let _ = std::io::copy(&mut reader, &mut std::io::sink());
                read.fetch_add(1, Ordering::SeqCst);
            });
        }
        for _ in 0..20 {
            assert_eq!(server.get("/-/health").status, 200);
        }
        let read_before = read.load(Ordering::SeqCst);
        for reader in &readers {
            // One whose list has ended is closed already.
            let _ = reader.shutdown(std::net::Shutdown::Both);
        }
        read_before
    });

    // Without a bound on what a list does at once, all the lists of a thread come before the first answer.
    assert!(read_before < readers.len() / 2, "{read_before} lists came before the answers");
}

#[test]
fn a_backup_waits_for_no_client_that_went_away() {
    let directory = TempDir::new().unwrap();
    let store = format!("sqlite:{}", directory.path().join("docket.db").display());
    let (server, _stub) = serve(&["--store", &store]);
    fill(&server, 20, 1 << 20);

    let mut stalled = unread(&server, &Request::get("/-/backup"));
    let mut begun = [0; 12];
    stalled.read_exact(&mut begun).unwrap();
    let busy = server.get("/-/backup");
    drop(stalled);
    let next = eventually("the next backup", || {
        let next = server.get("/-/backup");
        (next.status == 200).then_some(next)
    });

    assert_eq!(&begun, b"HTTP/1.1 200");
    assert_eq!((busy.status, busy.header("retry-after")), (503, Some("10")));
    assert!(next.body.len() > 20 << 20, "{} bytes", next.body.len());
}

#[test]
fn a_body_that_is_too_large_is_refused_with_the_limit_and_the_way_out() {
    let (server, _stub) = serve(&["--max-body", "2MiB"]);
    let large = "x".repeat(2 << 20);
    let json =
        |path: &str| Request::post_to(path, json!({ "Name": &large })).send(&server.address());

    for (path, limit, way_out) in [
        ("/", "2MiB", "start it with a larger `--max-body` (`DOCKET_MAX_BODY`)"),
        ("/-/check?engine=", "2MiB", "start it with a larger `--max-body` (`DOCKET_MAX_BODY`)"),
        ("/-/check", "1MiB", "check a larger file with `docket check`"),
        ("/a/runs", "1MiB", "the fixed limit of this endpoint"),
        ("/a/suspend", "1MiB", "the fixed limit of this endpoint"),
    ] {
        let reply = json(path);
        let problem = reply.problem();
        assert_eq!(reply.status, 413, "{path}");
        assert!(problem.contains(limit) && problem.contains(way_out), "{path}: {problem}");
    }
}

/// How long a connection lasts on which only a part of a request's head is sent.
fn lasts(mut stream: impl Read + Write) -> (Duration, String) {
    let begun = Instant::now();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: loc").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (begun.elapsed(), answer)
}

#[test]
fn a_unix_socket_has_the_timeouts_of_a_port() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("docket.sock");
    let stub = StubEngine::start(Options::default());
    let unix = Server::listening(&format!("unix:{}", path.display()), &stub.docker_host(), |_| {});
    let tcp = Server::listening("127.0.0.1:0", &stub.docker_host(), |_| {});
    let Address::Tcp(host) = tcp.address() else { panic!("no port") };

    let (of_unix, of_tcp) = thread::scope(|scope| {
        let of_unix = scope.spawn(|| lasts(UnixStream::connect(&path).unwrap()));
        let of_tcp = scope.spawn(|| lasts(TcpStream::connect(&host).unwrap()));
        (of_unix.join().unwrap(), of_tcp.join().unwrap())
    });

    for (lasted, answer) in [of_unix, of_tcp] {
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(lasted >= Duration::from_secs(9), "{lasted:?}");
    }
    assert_eq!(unix.get("/-/health").status, 200);
}
