//! Channels that lead outside, each against a real listener.
#![cfg(all(feature = "command", feature = "email", feature = "pagerduty", feature = "webhook"))]

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use salve_actions::command::Program;
use salve_actions::escalate::{Alert, Channel, Email, PagerDuty, TellProgram, Webhook};
use salve_core::{Address, Secret};
use salve_healer::Severity;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

type Seen<T> = Arc<Mutex<Vec<T>>>;

async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), work).await.expect("an end in time")
}

fn alert() -> Alert {
    let alert =
        Alert::new("shop/incident-7", Severity::Critical, "`db`", "everything <was> tried\n&");
    alert.with("why", "no answer")
}

/// Answers with the status that the path names, and keeps bodies.
async fn server() -> (SocketAddr, Seen<Value>) {
    let answer = |State(seen): State<Seen<Value>>, request: Request| async move {
        let code = request.uri().path().rsplit('/').next().and_then(|it| it.parse().ok());
        let body = axum::body::to_bytes(request.into_body(), 65_536).await.unwrap();
        seen.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
        StatusCode::from_u16(code.unwrap()).unwrap()
    };
    let seen: Seen<Value> = Seen::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = Router::new().fallback(answer).with_state(seen.clone());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (address, seen)
}

#[tokio::test]
async fn a_webhook_gets_a_text_and_its_url_is_shown_to_nobody() {
    let (server, seen) = server().await;
    let hook = |path: &str| {
        Webhook::new("chat", &Secret::from(format!("http://{server}/hunter2/{path}"))).unwrap()
    };
    soon(hook("200").send(&alert())).await.unwrap();
    let text = "[critical] `db`: everything &lt;was&gt; tried &amp;\nwhy: no answer";
    assert_eq!(*seen.lock().unwrap(), [json!({ "text": text })]);
    for (path, again) in [("404", false), ("429", true), ("500", true)] {
        let failed = soon(hook(path).send(&alert())).await.unwrap_err();
        assert_eq!((failed.why, failed.again), (format!("answered {path}"), again));
    }
    let gone = Webhook::new("chat", &Secret::from("http://127.0.0.1:9/hunter2")).unwrap();
    let failed = soon(gone.send(&alert())).await.unwrap_err();
    assert!(failed.again && !failed.why.contains("hunter2"), "{failed}");
    assert!(!format!("{gone:?}").contains("hunter2"), "{gone:?}");
    let refused = Webhook::new("chat", &Secret::from("https://hooks/hunter2")).unwrap_err();
    assert!(!refused.to_string().contains("hunter2"), "{refused}");
    let refused = Webhook::new("chat", &Secret::from("hunter2")).unwrap_err();
    assert_eq!((refused.field(), refused.value()), ("url", "(hidden)"));
}

#[tokio::test]
async fn pagerduty_is_told_each_stage_of_a_matter() {
    let (server, seen) = server().await;
    let pager = |path: &str| {
        let url = Address::from(format!("http://{server}/{path}"));
        PagerDuty::new(&url, "hunter2", "shop", reqwest::Client::new()).unwrap()
    };
    let pager_202 = pager("202");
    for alert in [alert(), alert().acknowledged(), alert().resolved()] {
        soon(pager_202.send(&alert)).await.unwrap();
    }
    let event = |action: &str| json!({ "routing_key": "hunter2", "event_action": action, "dedup_key": "shop/incident-7" });
    let mut trigger = event("trigger");
    trigger["payload"] = json!({
        "summary": "`db`: everything <was> tried &",
        "source": "shop",
        "severity": "critical",
        "component": "`db`",
        "custom_details": { "why": "no answer" },
    });
    assert_eq!(*seen.lock().unwrap(), [trigger, event("acknowledge"), event("resolve")]);
    for (path, again) in [("400", false), ("429", true), ("502", true)] {
        assert_eq!(soon(pager(path).send(&alert())).await.unwrap_err().again, again, "{path}");
    }
    assert!(!format!("{pager_202:?}").contains("hunter2"));
    let long = Alert { key: "é".repeat(300), ..alert() };
    soon(pager_202.send(&long)).await.unwrap();
    let sent = seen.lock().unwrap().last().unwrap()["dedup_key"].as_str().unwrap().to_owned();
    assert_eq!(sent, "é".repeat(127));
    // The four words of the documented format, and its longest summary.
    let words = [
        (Severity::Critical, "critical"),
        (Severity::High, "error"),
        (Severity::Medium, "warning"),
        (Severity::Low, "info"),
    ];
    for (severity, word) in words {
        soon(pager_202.send(&Alert { severity, text: "é".repeat(2_000), ..alert() }))
            .await
            .unwrap();
        let sent = seen.lock().unwrap().last().unwrap()["payload"].clone();
        let summary = sent["summary"].as_str().unwrap().chars().count();
        assert_eq!((sent["severity"].as_str().unwrap(), summary), (word, 1_024));
    }
}

/// Speaks as much SMTP as is needed to take a mail, and refuses who asks for `nobody`.
async fn smtp(connection: TcpStream, mails: Seen<String>) -> std::io::Result<()> {
    let (read, mut write) = connection.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 test ESMTP\r\n").await?;
    let mut mail = String::new();
    while let Some(line) = lines.next_line().await? {
        mail.push_str(&format!("{line}\n"));
        let answer = match line.split([' ', ':']).next().unwrap_or_default() {
            "RCPT" if line.contains("nobody") => "550 no such person",
            "RCPT" if line.contains("later") => "450 try again",
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    mail.push_str(&format!("{line}\n"));
                }
                mails.lock().unwrap().push(std::mem::take(&mut mail));
                "250 taken"
            }
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        write.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_mail_is_sent_over_smtp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mails: Seen<String> = Seen::default();
    let taken = mails.clone();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(smtp(connection, taken.clone()));
        }
    });
    let mail = |to: &[&str]| {
        Email::by_relay("mail", ("127.0.0.1", port), "Salve <salve@shop.test>", to).unwrap()
    };
    soon(mail(&["ada@shop.test", "Bob <bob@shop.test>"]).send(&alert())).await.unwrap();
    let sent = mails.lock().unwrap()[0].clone();
    for part in [
        "MAIL FROM:<salve@shop.test>",
        "RCPT TO:<ada@shop.test>",
        "RCPT TO:<bob@shop.test>",
        "Subject: [critical] `db`: everything <was> tried &",
        "why: no answer",
        "matter: shop/incident-7",
    ] {
        assert!(sent.contains(part), "{part} is not in {sent}");
    }
    let refused = soon(mail(&["nobody@shop.test"]).send(&alert())).await.unwrap_err();
    assert!(!refused.again && refused.why.contains("no such person"), "{refused}");
    let later = soon(mail(&["later@shop.test"]).send(&alert())).await.unwrap_err();
    assert!(later.again, "{later}");
    let gone = Email::by_relay("mail", ("127.0.0.1", 9), "a@shop.test", &["b@shop.test"]).unwrap();
    assert!(soon(gone.send(&alert())).await.unwrap_err().again);
    for (from, to, field) in [
        ("nobody", &["b@shop.test"][..], "from"),
        ("a@shop.test", &["b"][..], "to"),
        ("a@shop.test", &[][..], "to"),
    ] {
        assert_eq!(Email::by_relay("m", ("h", 25), from, to).unwrap_err().field(), field);
    }
}

#[tokio::test]
async fn a_program_is_told_in_its_environment() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("told");
    let script = r#"echo "$SALVE_STAGE $SALVE_SEVERITY $SALVE_SUBJECT $SALVE_KEY: $SALVE_TEXT" > "$FILE"; exit $CODE"#;
    let shell = |code: &str| {
        let program = Program::new("/bin/sh").with_args(["-c", script]);
        let program = program.with_env("FILE", file.to_str().unwrap()).with_env("CODE", code);
        TellProgram::new("program", program).unwrap()
    };
    soon(shell("0").send(&alert())).await.unwrap();
    let told = std::fs::read_to_string(&file).unwrap();
    assert_eq!(told, "raised critical `db` shop/incident-7: everything <was> tried &\n");
    let failed = soon(shell("3").send(&alert())).await.unwrap_err();
    assert!(failed.again && failed.why.contains("exit status: 3"), "{failed}");
    let secret = shell("hunter2");
    assert!(!format!("{secret:?}").contains("hunter2"), "{secret:?}");
}

#[cfg(feature = "log")]
#[tokio::test]
async fn the_log_is_told_by_severity() {
    use salve_actions::escalate::Log;
    use tracing_subscriber::fmt::MakeWriter;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    let lines = Lines::default();
    let log = tracing_subscriber::fmt().with_ansi(false).with_writer(lines.clone()).finish();
    let _log = tracing::subscriber::set_default(log);
    for severity in [Severity::High, Severity::Medium, Severity::Low] {
        Log::new().send(&Alert { severity, ..alert() }).await.unwrap();
    }
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let levels: Vec<&str> = text.lines().filter_map(|it| it.split_whitespace().nth(1)).collect();
    assert_eq!(levels, ["ERROR", "WARN", "INFO"]);
    assert!(
        text.contains("everything <was> tried &") && text.contains("shop/incident-7"),
        "{text}"
    );
}
