//! Embeds Segment's browser SDK (`web/segment-sdk/dist`, made by npm) into the collector: each file as it is and
//! compressed. When the folder is not there the table is empty and the routes say how to make it; a Rust developer
//! needs no Node to build and test this crate.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    let dist = here.join("../../web/segment-sdk/dist");
    // A folder that does not exist yet counts as changed when it appears.
    println!("cargo::rerun-if-changed={}", dist.display());
    println!("cargo::rerun-if-changed=build.rs");
    let script = fs::read(dist.join("analytics.min.js")).ok();
    let mut table = String::from("/// `analytics.min.js`, when it was there at build time.\n");
    table.push_str("pub(crate) const SCRIPT: Option<&str> = ");
    match script {
        Some(script) => {
            let path = out.join("analytics.min.js");
            fs::write(&path, script)?;
            table.extend(["Some(include_str!(", &literal(&path)?, "));\n"]);
        }
        None => table.push_str("None;\n"),
    }
    table.push_str("/// The chunks that the script loads when settings ask for them, in order of their names.\n");
    table.push_str("pub(crate) const CHUNKS: &[Chunk] = &[\n");
    for chunk in chunks(&dist.join("bundles")) {
        table.push_str(&embed(&chunk, &out)?);
    }
    table.push_str("];\n");
    fs::write(out.join("sdk_files.rs"), table)
}

/// The script files of a folder, sorted; none when it is not there.
fn chunks(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "js"));
    files.sort();
    files
}

fn embed(chunk: &Path, out: &Path) -> io::Result<String> {
    let name =
        chunk.file_name().and_then(|name| name.to_str()).ok_or_else(|| io::Error::other("a chunk without name"))?;
    let plain = fs::read(chunk)?;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&plain)?;
    let (plain_path, gzip_path) = (out.join(name), out.join(format!("{name}.gz")));
    fs::write(&plain_path, plain)?;
    fs::write(&gzip_path, encoder.finish()?)?;
    let (plain, gzip) = (literal(&plain_path)?, literal(&gzip_path)?);
    Ok(format!("    Chunk {{ name: {name:?}, plain: include_bytes!({plain}), gzip: include_bytes!({gzip}) }},\n"))
}

/// A path as a Rust string literal.
fn literal(path: &Path) -> io::Result<String> {
    let text = path.to_str().ok_or_else(|| io::Error::other("the build folder's path is not UTF-8"))?;
    Ok(format!("{text:?}"))
}
