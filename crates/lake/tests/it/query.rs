//! What a query sees, how it is written, and what it may not do.

use consent::{CategorySet, Gate, Held, Use};
use event::Call;
use lake::query::{Format, Limits, QueryError};
use vault::{Fingerprints, IdentifierKind};
use workspace::{ConsentRules, Purpose, RecipientRole};

use crate::fixture::{NOW, Sent, TRACK, World};
use crate::ground::Ground;

crate::suite::cases! {
    the_view_shows_the_event_as_it_came,
    the_files_hold_no_id_of_a_person,
    without_the_right_ids_and_contents_are_null,
    for_a_purpose_there_is_what_may_be_used_so_today,
    a_filter_on_an_id_finds_its_events,
    each_format_is_what_its_readers_expect,
    a_workspace_without_events_is_empty_not_an_error,
    days_are_those_of_reception,
}

async fn world(ground: &Ground) -> World {
    let world = World::new(ground);
    let rest = r#","event":"Order \"A\"","sentAt":"2026-11-21T21:59:59.500Z","channel":"web","version":3,"properties":{"total":1.50},"integrations":{"All":true},"context":{"ip":"1.2.3.0","consent":{"categoryPreferences":{"performance":true}}}"#;
    world.send(&[Sent { user_id: Some("user-secret-1"), rest, ..TRACK }]).await;
    let alias = r#","previousId":"previous-secret-1""#;
    world
        .send(&[Sent { anonymous_id: None, user_id: Some("user-secret-2"), call: Call::Alias, rest: alias, ..TRACK }])
        .await;
    world.land_all().await;
    world
}

async fn the_view_shows_the_event_as_it_came(ground: &Ground) {
    let world = world(ground).await;
    let sql = "SELECT * FROM events WHERE message_id = 'm0'";
    let mut rows: Vec<serde_json::Value> =
        serde_json::from_str(&world.ask("acme", Format::Json, sql).await).expect("JSON");
    let row = rows.remove(0);
    assert_eq!(row["subject_id"].as_str().map(str::len), Some(32));
    let shown: Vec<String> = row
        .as_object()
        .expect("an object")
        .iter()
        .filter(|(name, _)| *name != "subject_id")
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    anonymous_id: "anon-secret-1"
    bucket: 0
    channel: "web"
    consent: "{\"categoryPreferences\":{\"performance\":true}}"
    context: "{\"ip\":\"1.2.3.0\",\"consent\":{\"categoryPreferences\":{\"performance\":true}}}"
    day: "2026-11-21"
    event: "Order \"A\""
    extra: "{\"version\":3}"
    group_id: null
    integrations: "{\"All\":true}"
    message_id: "m0"
    name: null
    original_timestamp: null
    previous_id: null
    properties: "{\"total\":1.50}"
    raw_block: 0
    raw_index: 0
    raw_partition: 2
    received_at: "2026-11-21T22:00:00Z"
    region: "DE"
    sent_at: "2026-11-21T21:59:59.500Z"
    source: "web"
    stamp: "{\"origin\":\"sent\",\"preferences\":[[\"performance\",true]],\"signals\":{\"gpc\":false,\"dnt\":false},\"regime\":\"opt-in\",\"basis\":\"consent\"}"
    timestamp: "2026-11-21T22:00:00Z"
    traits: null
    type: "track"
    user_id: "user-secret-1"
    "#);
}

async fn the_files_hold_no_id_of_a_person(ground: &Ground) {
    let world = world(ground).await;
    let sql = "SELECT anonymous_id, user_id, previous_id FROM events ORDER BY message_id";
    insta::assert_snapshot!(world.ask("acme", Format::Csv, sql).await, @r"
    anonymous_id,user_id,previous_id
    anon-secret-1,user-secret-1,
    ,user-secret-2,previous-secret-1
    ");
    let mut request_columns = String::new();
    for file in world.site.data_files("acme").await {
        let bytes = world.site.read(&file).await;
        let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(bytes)
            .and_then(parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::build)
            .expect("a Parquet file");
        for batch in reader {
            let batch = batch.expect("rows");
            request_columns += &arrow::util::pretty::pretty_format_batches(&[batch]).expect("prints").to_string();
        }
    }
    assert!(request_columns.contains("Order"), "the rows were read");
    assert!(!request_columns.contains("secret"), "{request_columns}");
}

async fn without_the_right_ids_and_contents_are_null(ground: &Ground) {
    let world = world(ground).await;
    let request = lake::query::Request {
        place: world.place(),
        workspace: "acme".into(),
        sql: "SELECT count(anonymous_id) AS a, count(user_id) AS u, count(properties) AS p, count(traits) AS t, \
              count(context) AS c, count(*) > 0 AS there FROM events"
            .to_owned(),
        format: Format::Ndjson,
        limits: Limits::default(),
        identifiers: None,
        content: false,
        purpose: None,
    };
    let answer = lake::query::start(request).expect("starts").text().await.expect("answers");
    assert_eq!(answer, "{\"a\":0,\"u\":0,\"p\":0,\"t\":0,\"c\":0,\"there\":true}\n");
}

async fn for_a_purpose_there_is_what_may_be_used_so_today(ground: &Ground) {
    let world = World::new(ground);
    world.send(&[TRACK, Sent { anonymous_id: Some("anon-secret-2"), user_id: Some("user-secret-2"), ..TRACK }]).await;
    world.land_all().await;
    let gate = Gate::new(&ConsentRules::default());
    let used = async |purpose: Purpose, category: &str, recipient| {
        let purpose = Use::of_query(purpose, &[category.to_owned()], recipient, &gate.rules().categories)
            .map_err(|error| error.to_string())?;
        let request = lake::query::Request {
            place: world.place(),
            workspace: "acme".into(),
            sql: "SELECT message_id FROM events ORDER BY message_id".to_owned(),
            format: Format::Csv,
            limits: Limits::default(),
            identifiers: None,
            content: false,
            purpose: Some(lake::query::ForUse { gate: std::sync::Arc::clone(&gate), purpose }),
        };
        let text = lake::query::start(request).expect("starts").text().await.map_err(|error| error.to_string())?;
        Ok::<_, String>(text.lines().skip(1).collect::<Vec<_>>().join(" "))
    };
    let (ours, theirs) = (RecipientRole::ServiceProvider, RecipientRole::ThirdParty);
    assert_eq!(used(Purpose::Analytics, "performance", ours).await, Ok("m0 m1".to_owned()));
    assert_eq!(used(Purpose::Advertising, "targeting", ours).await, Ok(String::new()), "never granted");
    assert_eq!(used(Purpose::Analytics, "required", ours).await, Ok(String::new()), "nobody can refuse `required`");
    let unknown = "the workspace has no category `vendor:ga`".to_owned();
    assert_eq!(used(Purpose::Analytics, "vendor:ga", ours).await, Err(unknown));

    let refuse = |kind, id: &str, refused: CategorySet| {
        let refusal = Held::refusing(refused);
        gate.apply(&[Fingerprints::new(&[7; 32]).of(kind, id)], refusal);
    };
    refuse(IdentifierKind::UserId, "user-secret-2", gate.rules().categories.key("performance"));
    assert_eq!(
        used(Purpose::Analytics, "performance", ours).await,
        Ok("m0".to_owned()),
        "withdrawn under one of its ids"
    );
    refuse(IdentifierKind::AnonymousId, "anon-secret-1", CategorySet::SALE_AND_SHARING);
    assert_eq!(
        used(Purpose::Analytics, "performance", ours).await,
        Ok("m0".to_owned()),
        "GPC leaves the site its statistics"
    );
    assert_eq!(used(Purpose::Analytics, "performance", theirs).await, Ok(String::new()), "and nobody else");
}

async fn a_filter_on_an_id_finds_its_events(ground: &Ground) {
    let world = world(ground).await;
    let sql = "SELECT message_id FROM events WHERE user_id = 'user-secret-2'";
    assert_eq!(world.ask("acme", Format::Ndjson, sql).await, "{\"message_id\":\"m1\"}\n");
}

async fn each_format_is_what_its_readers_expect(ground: &Ground) {
    let world = world(ground).await;
    let sql = "SELECT message_id, event, received_at, day FROM events ORDER BY message_id";
    let mut all = String::new();
    for format in [Format::Json, Format::Ndjson, Format::Csv, Format::Table] {
        all += &world.ask("acme", format, sql).await;
        all.push('\n');
    }
    insta::assert_snapshot!(all, @r#"
    [{"message_id":"m0","event":"Order \"A\"","received_at":"2026-11-21T22:00:00Z","day":"2026-11-21"},
    {"message_id":"m1","event":null,"received_at":"2026-11-21T22:00:00Z","day":"2026-11-21"}]

    {"message_id":"m0","event":"Order \"A\"","received_at":"2026-11-21T22:00:00Z","day":"2026-11-21"}
    {"message_id":"m1","event":null,"received_at":"2026-11-21T22:00:00Z","day":"2026-11-21"}

    message_id,event,received_at,day
    m0,"Order ""A""",2026-11-21T22:00:00Z,2026-11-21
    m1,,2026-11-21T22:00:00Z,2026-11-21

    +------------+-----------+----------------------+------------+
    | message_id | event     | received_at          | day        |
    +------------+-----------+----------------------+------------+
    | m0         | Order "A" | 2026-11-21T22:00:00Z | 2026-11-21 |
    | m1         |           | 2026-11-21T22:00:00Z | 2026-11-21 |
    +------------+-----------+----------------------+------------+
    "#);
}

async fn a_workspace_without_events_is_empty_not_an_error(ground: &Ground) {
    let world = World::new(ground);
    assert_eq!(world.ask("acme", Format::Json, "SELECT * FROM events").await, "[]\n");
    assert_eq!(world.ask("acme", Format::Json, "SELECT count(*) AS n FROM events").await, "[{\"n\":0}]\n");
    assert_eq!(world.ask("acme", Format::Csv, "SELECT type, day FROM events").await, "type,day\n");
    assert_eq!(world.site.names().await, Vec::<String>::new(), "a query creates nothing");
}

async fn refused(world: &World, sql: &str) -> String {
    match world.try_ask("acme", Format::Json, sql, Limits::default()).await {
        Ok(answer) => unreachable!("{sql} was answered: {answer}"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn nothing_but_reading_is_allowed() {
    let world = world(&Ground::Files).await;
    for sql in [
        "DROP VIEW events",
        "CREATE TABLE t AS SELECT 1",
        "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '/'",
        "INSERT INTO events SELECT * FROM events",
        "COPY (SELECT 1) TO '/tmp/lake-test.csv'",
        "SET datafusion.execution.batch_size = 1",
        "SELECT * FROM '/etc/passwd'",
    ] {
        let error = refused(&world, sql).await;
        assert!(!error.is_empty(), "{sql}");
    }
    assert!(refused(&world, "SELECT nothing FROM events").await.contains("nothing"));
}

#[tokio::test]
async fn limits_end_a_query_with_their_reason() {
    let world = world(&Ground::Files).await;
    let few = Limits { rows_max: 10, ..Limits::default() };
    let many = "SELECT * FROM generate_series(1, 1000)";
    let error = world.try_ask("acme", Format::Json, many, few).await;
    assert!(matches!(error, Err(QueryError::Rows(10))), "{error:?}");
    let short = Limits { time_max_ms: 200, ..Limits::default() };
    let long =
        "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b WHERE a.value + b.value = 7";
    let started = std::time::Instant::now();
    let error = world.try_ask("acme", Format::Json, long, short).await;
    assert!(matches!(error, Err(QueryError::Time(200))), "{error:?}");
    // Far from the minute that the join takes, which pauses nowhere.
    assert!(started.elapsed().as_secs() < 10, "it ended after {:?}", started.elapsed());
    let small = Limits { memory_bytes: 1 << 20, ..Limits::default() };
    let hoards = "SELECT array_length(array_agg(value)) FROM generate_series(1, 300000)";
    let error = world.try_ask("acme", Format::Json, hoards, small).await.expect_err("it does not fit").to_string();
    assert!(error.contains("Resources exhausted"), "{error}");
}

async fn days_are_those_of_reception(ground: &Ground) {
    let world = World::new(ground);
    let midnight = NOW - NOW % 86_400_000 + 86_400_000;
    world.send(&[Sent { received_at: midnight - 1, ..TRACK }, Sent { received_at: midnight, ..TRACK }]).await;
    world.land_all().await;
    let sql = "SELECT day, count(*) AS n FROM events GROUP BY day ORDER BY day";
    assert_eq!(world.ask("acme", Format::Csv, sql).await, "day,n\n2026-11-21,1\n2026-11-22,1\n");
}
