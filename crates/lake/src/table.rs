//! One workspace's Delta table: opened or made, read and committed to.

use std::collections::HashMap;
use std::sync::Arc;

use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, DataType as DeltaType, PrimitiveType, Remove, Transaction};
use deltalake::logstore::object_store::buffered::BufWriter;
use deltalake::logstore::object_store::path::Path;
use deltalake::logstore::object_store::{PutOptions, PutPayload};
use deltalake::logstore::{StorageConfig, default_logstore};
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::{DeltaTable, DeltaTableError, ObjectStore};

use crate::parquet_file::Finished;
use crate::schema::{BUCKET, COLUMNS, DAY, PROPERTIES};
use crate::store::Place;

/// A piece of a file that is put as it grows: the least that S3 takes, but for the last.
pub(crate) const UPLOAD_PIECE_BYTES: usize = 5 << 20;

/// A table and the latest snapshot seen of it.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) delta: DeltaTable,
    store: Arc<dyn ObjectStore>,
}

/// A live file of the table.
#[derive(Debug, Clone)]
pub(crate) struct LiveFile {
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    pub(crate) day: String,
    pub(crate) bucket: i32,
    pub(crate) remove: Remove,
}

fn builder(place: &Place, workspace: &str) -> Result<DeltaTable, DeltaTableError> {
    // Not by the library's table builder: it knows the kinds of URL that are registered with it for the whole process,
    // and local files are the only ones.
    let url = place.table(workspace);
    let options = StorageConfig::default();
    let under_url = options.decorate_store(Arc::clone(&place.store), &url)?;
    let log = default_logstore(Arc::from(under_url), Arc::clone(&place.store), &url, &options);
    Ok(DeltaTable::new(log))
}

impl Table {
    /// The table, or `None` when the workspace has no event yet.
    pub(crate) async fn open(place: &Place, workspace: &str) -> Result<Option<Self>, DeltaTableError> {
        let mut delta = builder(place, workspace)?;
        if !delta.verify_deltatable_existence().await? {
            return Ok(None);
        }
        delta.load().await?;
        Ok(Some(Self::of(delta)))
    }

    /// The table, made when it is not there.
    pub(crate) async fn open_or_create(place: &Place, workspace: &str) -> Result<Self, DeltaTableError> {
        if let Some(table) = Self::open(place, workspace).await? {
            return Ok(table);
        }
        let mut create = builder(place, workspace)?
            .create()
            .with_table_name("events")
            .with_save_mode(SaveMode::Ignore)
            .with_partition_columns([DAY, BUCKET])
            // `assent.schema` is not one of Delta's own keys.
            .with_raise_if_key_not_exists(false)
            .with_configuration(PROPERTIES.iter().map(|(key, value)| (*key, Some(*value))));
        for column in COLUMNS {
            create = create.with_column(column.name, column.kind.delta(), column.nullable, None);
        }
        create = create.with_column(DAY, DeltaType::Primitive(PrimitiveType::Date), true, None);
        create = create.with_column(BUCKET, DeltaType::Primitive(PrimitiveType::Integer), true, None);
        Ok(Self::of(create.await?))
    }

    fn of(delta: DeltaTable) -> Self {
        let store = delta.log_store().object_store(None);
        Self { delta, store }
    }

    /// Sees what others committed.
    pub(crate) async fn refresh(&mut self) -> Result<(), DeltaTableError> {
        self.delta.update_state().await
    }

    /// The number last committed under an application id.
    pub(crate) async fn committed(&self, app_id: &str) -> Result<Option<i64>, DeltaTableError> {
        let log = self.delta.log_store();
        self.delta.snapshot()?.transaction_version(log.as_ref(), app_id).await
    }

    /// Writes a file where its commit will name it. Without the commit nobody sees it, and vacuum removes it.
    pub(crate) async fn put(&self, file: &Finished) -> Result<(), DeltaTableError> {
        let path = Path::from(file.add.path.as_str());
        self.store.put_opts(&path, PutPayload::from_bytes(file.bytes.clone()), PutOptions::default()).await?;
        Ok(())
    }

    /// A file that is put in pieces as it grows; it is there, durably, once this is shut down. Dropped before, its
    /// pieces are given up.
    pub(crate) fn upload(&self, path: &str) -> BufWriter {
        BufWriter::with_capacity(Arc::clone(&self.store), Path::from(path), UPLOAD_PIECE_BYTES).with_max_concurrency(1)
    }

    /// Adds landed files and how far they reach, in one commit.
    pub(crate) async fn land(&mut self, files: &[Finished], through: Vec<Transaction>) -> Result<(), DeltaTableError> {
        let actions = files.iter().map(|file| Action::Add(file.add.clone())).collect();
        let partition_by = Some(vec![DAY.to_owned(), BUCKET.to_owned()]);
        let operation = DeltaOperation::Write { mode: SaveMode::Append, partition_by, predicate: None };
        self.commit(actions, CommitProperties::default().with_application_transactions(through), operation).await
    }

    /// Replaces files by others with the same rows, in one commit: readers see one or the other.
    pub(crate) async fn replace(
        &mut self,
        old: Vec<Remove>,
        new: &[Finished],
        target: u64,
    ) -> Result<(), DeltaTableError> {
        let removes = old.into_iter().map(Action::Remove);
        let actions = removes.chain(new.iter().map(|file| Action::Add(file.add.clone()))).collect();
        let target_size = i64::try_from(target).unwrap_or(i64::MAX);
        let operation = DeltaOperation::Optimize { predicate: None, target_size };
        self.commit(actions, CommitProperties::default(), operation).await
    }

    /// Takes files and their rows out of the table, in one commit. They stay in the store until vacuum.
    pub(crate) async fn delete(&mut self, old: Vec<LiveFile>, predicate: &str) -> Result<(), DeltaTableError> {
        let remove = |file: LiveFile| Action::Remove(Remove { data_change: true, ..file.remove });
        let actions = old.into_iter().map(remove).collect();
        let operation = DeltaOperation::Delete { predicate: Some(predicate.to_owned()) };
        self.commit(actions, CommitProperties::default(), operation).await
    }

    async fn commit(
        &mut self,
        actions: Vec<Action>,
        properties: CommitProperties,
        operation: DeltaOperation,
    ) -> Result<(), DeltaTableError> {
        let properties = properties.with_cleanup_expired_logs(Some(false));
        let snapshot = self.delta.snapshot()?;
        let committed = CommitBuilder::from(properties)
            .with_actions(actions)
            .build(Some(snapshot), self.delta.log_store(), operation)
            .await?;
        self.delta.state = Some(committed.snapshot());
        Ok(())
    }

    /// The version last seen.
    pub(crate) fn version(&self) -> Result<u64, DeltaTableError> {
        Ok(self.delta.snapshot()?.version())
    }

    /// The live files.
    pub(crate) fn files(&self) -> Result<Vec<LiveFile>, DeltaTableError> {
        let views = self.delta.snapshot()?.log_data();
        let file = |view: deltalake::kernel::LogicalFileView| {
            let values: HashMap<String, Option<String>> = view.partition_values_map();
            let value = |column: &str| values.get(column).cloned().flatten().unwrap_or_default();
            LiveFile {
                path: view.path().into_owned(),
                bytes: u64::try_from(view.size()).unwrap_or_default(),
                rows: view.num_records().unwrap_or_default() as u64,
                day: value(DAY),
                bucket: value(BUCKET).parse().unwrap_or(crate::bucket::LANDING),
                remove: view.remove_action(false),
            }
        };
        Ok(views.into_iter().map(file).collect())
    }
}
