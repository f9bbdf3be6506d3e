//! The live view for one reader: lines of one workspace, filtered, masked, and never more than a person can follow.
//!
//! At ten thousand events a second a browser that was sent each line would do nothing else. A reader therefore gets at
//! most [`LINES_PER_TICK`] lines in [`TICK`]; the others are counted and told as `lagged`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// How often lines are sent.
const TICK: Duration = Duration::from_millis(200);
/// Lines sent at most in that time.
const LINES_PER_TICK: usize = 40;
/// A comment after so long without a line, so that proxies keep the connection and a reader that left is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A reader comes again after this, so that none is forgotten. Whether they still may look is asked much more often, by
/// whoever opened the stream.
const LONGEST: Duration = Duration::from_mins(10);

/// What a window shows.
#[derive(Debug, Clone)]
pub enum Seen {
    /// A line of JSON.
    Line(Arc<str>),
    /// So many lines went by unseen.
    Missed(u64),
}

/// Where one looks at what happens now. Each opening is a reader of its own.
#[derive(Clone)]
pub struct Window(Arc<dyn Fn() -> BoxStream<'static, Seen> + Send + Sync>);

impl Window {
    /// From a function that begins to look.
    pub fn new(open: impl Fn() -> BoxStream<'static, Seen> + Send + Sync + 'static) -> Self {
        Self(Arc::new(open))
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Window(…)")
    }
}

/// Which lines somebody wants.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// Of this source.
    #[serde(default)]
    pub(crate) source: Option<String>,
    /// Of this call, as `track`.
    #[serde(default, rename = "type")]
    pub(crate) call: Option<String>,
    /// With this text in them.
    #[serde(default)]
    pub(crate) q: Option<String>,
}

/// The rights of a reader and what they want.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) workspace: Arc<str>,
    pub(crate) filter: Filter,
    pub(crate) sees_personal_data: bool,
}

impl Reader {
    /// The line as this reader may see it; `None` when it is not theirs.
    fn shown(&self, line: &str) -> Option<String> {
        let mut value: Value = serde_json::from_str(line).ok()?;
        let is = |key: &str, wanted: &str| value.get(key).and_then(Value::as_str) == Some(wanted);
        if !is("workspace", &self.workspace) {
            return None;
        }
        let Filter { source, call, q } = &self.filter;
        if source.as_ref().is_some_and(|source| !is("source", source))
            || call.as_ref().is_some_and(|call| !is("type", call))
        {
            return None;
        }
        // The name of a track event is the operator's word; a page's or screen's may be a person's.
        if !self.sees_personal_data && !is("type", "track") && value.get("name").is_some_and(Value::is_string) {
            value["name"] = Value::Null;
            value["masked"] = true.into();
        }
        let shown = value.to_string();
        let is_found = q.as_ref().is_none_or(|text| shown.to_lowercase().contains(&text.to_lowercase()));
        is_found.then_some(shown)
    }
}

struct Looking {
    seen: BoxStream<'static, Seen>,
    reader: Reader,
    stopping: CancellationToken,
    tick: Interval,
    until: Instant,
    waiting: Vec<String>,
    missed: u64,
    quiet_since: Instant,
}

/// The event stream of a reader.
pub(crate) fn stream(
    window: &Window,
    reader: Reader,
    stopping: CancellationToken,
) -> impl Stream<Item = Bytes> + Send + 'static {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let now = tokio::time::Instant::now();
    let seen = (window.0)();
    let looking = Looking {
        seen,
        reader,
        stopping,
        tick,
        until: now + LONGEST,
        waiting: Vec::new(),
        missed: 0,
        quiet_since: now,
    };
    let hello = futures::stream::once(async { Bytes::from_static(b"retry: 2000\n\n") });
    hello.chain(futures::stream::unfold(looking, |mut looking| async move {
        let piece = looking.next().await?;
        Some((piece, looking))
    }))
}

impl Looking {
    /// The next piece; `None` when it is over.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            tokio::select! {
                () = self.stopping.cancelled() => return None,
                now = self.tick.tick() => {
                    if now > self.until {
                        return None;
                    }
                    if let Some(piece) = self.piece(now) {
                        return Some(piece);
                    }
                }
                seen = self.seen.next() => match seen? {
                    Seen::Line(line) => self.take(&line),
                    Seen::Missed(lines) => self.missed += lines,
                },
            }
        }
    }

    fn take(&mut self, line: &str) {
        // Read only as far as there is room: what goes by uncounted by the filter is what nobody could read anyway.
        if self.waiting.len() >= LINES_PER_TICK {
            self.missed += 1;
        } else {
            self.waiting.extend(self.reader.shown(line));
        }
    }

    fn piece(&mut self, now: Instant) -> Option<Bytes> {
        let mut text = String::new();
        for line in self.waiting.drain(..) {
            text.extend(["event: line\ndata: ", &line, "\n\n"]);
        }
        let missed = std::mem::take(&mut self.missed);
        if missed > 0 {
            text.extend(["event: lagged\ndata: {\"skipped\":", &missed.to_string(), "}\n\n"]);
        }
        if text.is_empty() {
            if now.duration_since(self.quiet_since) < HEARTBEAT {
                return None;
            }
            text.push_str(": still here\n\n");
        }
        self.quiet_since = now;
        Some(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(filter: Filter, sees_personal_data: bool) -> Reader {
        Reader { workspace: "acme".into(), filter, sees_personal_data }
    }

    #[test]
    fn a_reader_gets_their_workspace_and_what_they_ask_for() {
        let line = r#"{"workspace":"acme","source":"web","type":"track","name":"Order Done"}"#;
        let of = |source: &str, call: &str, q: &str| {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            reader(Filter { source: some(source), call: some(call), q: some(q) }, true).shown(line).is_some()
        };
        assert!(of("", "", "") && of("web", "track", "order"));
        assert!(!of("api", "", "") && !of("", "page", "") && !of("", "", "nothing"));
        assert!(reader(Filter::default(), true).shown(&line.replace("acme", "other")).is_none());
    }

    #[test]
    fn the_name_of_a_page_is_masked_and_cannot_be_searched_for() {
        let line = r#"{"workspace":"acme","type":"page","name":"Ada Lovelace"}"#;
        let shown = reader(Filter::default(), false).shown(line).expect("it is theirs");
        assert!(!shown.contains("Ada") && shown.contains("masked"), "{shown}");
        let asking = Filter { q: Some("ada".to_owned()), ..Filter::default() };
        assert!(reader(asking.clone(), false).shown(line).is_none());
        assert!(reader(asking, true).shown(line).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn more_than_a_person_can_follow_is_counted_and_the_end_of_the_server_ends_it() {
        let line: Arc<str> = r#"{"workspace":"acme","type":"track"}"#.into();
        let window = Window::new(move || {
            let lines: Vec<Seen> = (0..1_000).map(|_| Seen::Line(Arc::clone(&line))).collect();
            futures::stream::iter(lines).chain(futures::stream::pending()).boxed()
        });
        let stopping = CancellationToken::new();
        let mut pieces = Box::pin(stream(&window, reader(Filter::default(), true), stopping.clone()));
        let (mut lines, mut skipped) = (0, 0);
        while lines + skipped < 1_000 {
            let piece = pieces.next().await.expect("it goes on");
            let text = String::from_utf8(piece.to_vec()).expect("UTF-8");
            lines += text.matches("event: line").count();
            let counts =
                text.split("\"skipped\":").skip(1).filter_map(|rest| rest.split('}').next()?.parse::<usize>().ok());
            skipped += counts.sum::<usize>();
        }
        assert!(lines <= LINES_PER_TICK * 3 && skipped > 800, "{lines} sent, {skipped} skipped");
        let heartbeat = pieces.next().await.expect("it goes on");
        assert_eq!(&*heartbeat, b": still here\n\n");
        stopping.cancel();
        assert!(pieces.next().await.is_none());
    }
}
