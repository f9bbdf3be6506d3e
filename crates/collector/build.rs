//! Embeds the browser SDKs into the collector, Assent's own (`web/sdk/dist`) and Segment's (`web/segment-sdk/dist`), both
//! made by npm: each file as it is and compressed. When a folder is not there its table is empty and the routes say how to
//! make it; a Rust developer needs no Node to build and test this crate.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use libdeflater::{CompressionLvl, Compressor};

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    println!("cargo::rerun-if-changed=build.rs");
    let mut table = String::new();
    for (name, folder, files) in [("ASSENT", "sdk", "sdk"), ("SEGMENT", "segment-sdk", "bundles")] {
        let dist = here.join("../../web").join(folder).join("dist");
        // A folder that does not exist yet counts as changed when it appears.
        println!("cargo::rerun-if-changed={}", dist.display());
        let to = out.join(folder);
        fs::create_dir_all(&to)?;
        table.push_str(&published(name, &dist, files, &to)?);
    }
    fs::write(out.join("sdk_files.rs"), table)
}

/// As `src/sdk.rs` has it.
const NAMED_BY_PAGES: [&str; 5] = ["assent.mjs", "block.js", "gpp-stub.js", "shadow.js", "tcf-stub.js"];

/// One SDK: its script, and the files that it loads when it needs them, in order of their names.
fn published(name: &str, dist: &Path, files: &str, out: &Path) -> io::Result<String> {
    let mut table = format!(
        "/// As npm made it, when it was there at build time.\npub(crate) const {name}: Published = Published {{ script: "
    );
    match fs::read(dist.join("analytics.min.js")) {
        Ok(script) => {
            let path = out.join("analytics.min.js");
            fs::write(&path, script)?;
            table.extend(["Some(include_str!(", &literal(&path)?, "))"]);
        }
        Err(_) => table.push_str("None"),
    }
    table.push_str(", files: &[\n");
    let mut all = scripts(&dist.join(files));
    // What pages name themselves stands beside its script; the script is above, the snippet is for copying.
    let is_named = |path: &Path| NAMED_BY_PAGES.iter().any(|name| path.ends_with(name));
    all.extend(scripts(dist).into_iter().filter(|path| is_named(path)));
    for file in all {
        table.push_str(&embed(&file, out)?);
    }
    table.push_str("] };\n");
    Ok(table)
}

/// The script files of a folder, sorted; none when it is not there.
fn scripts(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "js" || extension == "mjs"));
    files.sort();
    files
}

fn embed(file: &Path, out: &Path) -> io::Result<String> {
    let name =
        file.file_name().and_then(|name| name.to_str()).ok_or_else(|| io::Error::other("a file without name"))?;
    let plain = fs::read(file)?;
    let mut encoder = Compressor::new(CompressionLvl::best());
    let mut gzip = vec![0; encoder.gzip_compress_bound(plain.len())];
    let bytes = encoder.gzip_compress(&plain, &mut gzip).map_err(io::Error::other)?;
    gzip.truncate(bytes);
    let (plain_path, gzip_path) = (out.join(name), out.join(format!("{name}.gz")));
    fs::write(&plain_path, plain)?;
    fs::write(&gzip_path, gzip)?;
    let (plain, gzip) = (literal(&plain_path)?, literal(&gzip_path)?);
    Ok(format!("    File {{ name: {name:?}, plain: include_bytes!({plain}), gzip: include_bytes!({gzip}) }},\n"))
}

/// A path as a Rust string literal.
fn literal(path: &Path) -> io::Result<String> {
    let text = path.to_str().ok_or_else(|| io::Error::other("the build folder's path is not UTF-8"))?;
    Ok(format!("{text:?}"))
}
