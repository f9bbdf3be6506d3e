//! A notice as a page: headings, lists and tables that a screen reader can walk, no script, nothing from elsewhere. What is
//! written in it comes from texts and configuration, so all of it is escaped, here and nowhere else.

use std::fmt::{self, Write as _};

use workspace::Direction;

use super::{Block, Link, Notice, Section};

/// What the page may do: show itself, with its one style sheet by its hash.
pub const POLICY: &str = "default-src 'none'; style-src 'sha256-RZOUzaWmwPGwrmiFb9UieEqKcLVGLTsddWI2WSmMY4A='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Its style sheet. On a narrow screen each row of a table is a block whose lines begin with the names of their columns;
/// on others a table that is wider than the screen scrolls by itself, so that the page need not. The names are shown by the
/// style sheet and said by the table's own heads, which stay in place for whoever listens.
const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:1rem/1.6 system-ui,sans-serif;margin:0;overflow-wrap:anywhere;color:CanvasText;background:Canvas}\
main{max-width:46rem;margin:0 auto;padding:1rem}\
h1,h2,h3,h4{line-height:1.25}\
a{overflow-wrap:anywhere}\
li{margin-block:.35rem}\
.v{margin-block:1rem}\
.v h4,.v p{margin:0}\
.w{overflow-wrap:normal;overflow-x:auto;margin-block:1rem}\
table{border-collapse:collapse;min-width:100%}\
caption{text-align:start;font-weight:600;padding-block:.5rem}\
th,td{text-align:start;vertical-align:top;padding:.35rem .6rem;border:1px solid #7d7d7d}\
.l{font-style:normal}\
small{overflow-wrap:anywhere}\
@media(max-width:30rem){\
.w{overflow:visible;overflow-wrap:anywhere;position:relative}\
table,caption,tbody,tr,tbody th{display:block}\
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}\
tr{border:1px solid #7d7d7d;margin-block:.75rem;padding:.5rem .75rem}\
tbody th,td{border:0;padding:.15rem 0}\
td{display:grid;grid-template-columns:6rem minmax(0,1fr);gap:.5rem}\
td:empty{display:none}\
td::before{content:attr(data-c);content:attr(data-c)/\"\";font-weight:600;overflow-wrap:anywhere}\
}";

/// The whole page.
pub(super) fn page(notice: &Notice<'_>) -> String {
    let mut page = String::new();
    document(&mut page, notice).expect("a string takes what is written");
    page
}

fn document(page: &mut String, notice: &Notice<'_>) -> fmt::Result {
    let dir = if notice.dir == Direction::Rtl { "rtl" } else { "ltr" };
    let (language, title) = (escaped(&notice.language), escaped(&notice.title));
    write!(
        page,
        "<!doctype html>\n<html lang=\"{language}\" dir=\"{dir}\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <main>\n<h1>{title}</h1>\n"
    )?;
    notice.intro.iter().try_for_each(|text| paragraph(page, text))?;
    writeln!(page, "<nav aria-label=\"{}\">", escaped(&notice.contents))?;
    let link = |section: &Section| format!("<a href=\"#{}\">{}</a>", section.id, escaped(&section.title));
    list(page, notice.sections.iter().map(link))?;
    writeln!(page, "</nav>")?;
    notice.sections.iter().try_for_each(|section| part(page, section))?;
    writeln!(page, "<p><small>{}</small></p>\n</main>\n</body>\n</html>", escaped(&notice.imprint))
}

fn part(page: &mut String, section: &Section) -> fmt::Result {
    let id = section.id;
    writeln!(page, "<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{}</h2>", escaped(&section.title))?;
    section.blocks.iter().try_for_each(|block| piece(page, block))?;
    writeln!(page, "</section>")
}

fn piece(page: &mut String, block: &Block) -> fmt::Result {
    match block {
        Block::Text { text } => paragraph(page, text),
        Block::Heading { text } => writeln!(page, "<h3>{}</h3>", escaped(text)),
        Block::List { items } => list(page, items.iter().map(|item| escaped(item))),
        Block::Links { links } => list(page, links.iter().map(anchor)),
        Block::Lines { lines } => {
            let lines: Vec<String> = lines.iter().map(|line| escaped(line)).collect();
            writeln!(page, "<address class=\"l\">{}</address>", lines.join("<br>\n"))
        }
        Block::Vendor { title, text, links, .. } => {
            writeln!(page, "<div class=\"v\">\n<h4>{}</h4>", escaped(title))?;
            paragraph(page, text)?;
            list(page, links.iter().map(anchor))?;
            writeln!(page, "</div>")
        }
        Block::Table { caption, head, rows } => table(page, caption, head, rows),
    }
}

fn paragraph(page: &mut String, text: &str) -> fmt::Result {
    writeln!(page, "<p>{}</p>", escaped(text))
}

/// A list; of nothing there is none.
fn list(page: &mut String, items: impl Iterator<Item = String>) -> fmt::Result {
    let mut items = items.peekable();
    if items.peek().is_none() {
        return Ok(());
    }
    writeln!(page, "<ul>")?;
    items.try_for_each(|item| writeln!(page, "<li>{item}</li>"))?;
    writeln!(page, "</ul>")
}

/// Whatever else an address may be, it is none that runs something.
fn anchor(Link { text, href }: &Link) -> String {
    let is_safe = href.starts_with("https://") || href.starts_with("mailto:");
    if is_safe { format!("<a href=\"{}\">{}</a>", escaped(href), escaped(text)) } else { escaped(text) }
}

/// What scrolls can be reached by keyboard and says what it is. The roles are those of the elements, which some browsers
/// forget when a style sheet shows them as blocks.
fn table(page: &mut String, caption: &str, head: &[String], rows: &[Vec<String>]) -> fmt::Result {
    let caption = escaped(caption);
    write!(
        page,
        "<div class=\"w\" role=\"group\" aria-label=\"{caption}\" tabindex=\"0\">\n<table role=\"table\">\n\
         <caption>{caption}</caption>\n<thead role=\"rowgroup\"><tr role=\"row\">"
    )?;
    head.iter().try_for_each(|cell| write!(page, "<th role=\"columnheader\" scope=\"col\">{}</th>", escaped(cell)))?;
    writeln!(page, "</tr></thead>\n<tbody role=\"rowgroup\">")?;
    for row in rows {
        let Some((name, cells)) = row.split_first() else { continue };
        write!(page, "<tr role=\"row\"><th role=\"rowheader\" scope=\"row\">{}</th>", escaped(name))?;
        for (at, cell) in cells.iter().enumerate() {
            let column = head.get(at + 1).map_or("", String::as_str);
            write!(page, "<td role=\"cell\" data-c=\"{}\">{}</td>", escaped(column), escaped(cell))?;
        }
        writeln!(page, "</tr>")?;
    }
    writeln!(page, "</tbody>\n</table>\n</div>")
}

/// Text as HTML has it, inside elements and quoted attributes.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn the_policy_allows_the_style_sheet_and_nothing_else() {
        let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
        assert!(POLICY.contains(&format!("'sha256-{hash}'")), "the style sheet has the hash {hash}");
    }

    #[test]
    fn nothing_that_is_written_becomes_markup() {
        assert_eq!(escaped("<b a='1' c=\"2\">&"), "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;");
        let link = |href: &str| anchor(&Link { text: "t".to_owned(), href: href.to_owned() });
        assert_eq!(link("javascript:alert(1)"), "t");
        assert_eq!(link("https://a.example/?b=\"c"), "<a href=\"https://a.example/?b=&quot;c\">t</a>");
    }
}
