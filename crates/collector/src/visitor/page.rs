//! The form as HTML: the words, categories and vendors of the document that the SDK gets, for a browser that runs no
//! script. Everything that is put in is escaped, also what the workspace wrote.

use std::borrow::Cow;

use serde_json::Value;

/// What is shown beside the document.
#[derive(Debug, Default)]
pub(crate) struct Shown<'s> {
    /// Categories that are ticked.
    pub(crate) ticked: Vec<String>,
    /// Categories that a signal has taken away: their box cannot be ticked.
    pub(crate) denied: Vec<String>,
    /// What is said above the form, and read out.
    pub(crate) notes: Vec<&'s str>,
    /// The address of a receipt with the words of its link.
    pub(crate) receipt: Option<(String, &'s str)>,
    /// The categories whose second click is asked for, as the next form says them.
    pub(crate) confirms: Option<String>,
}

/// The page. `document` is an [`consent::Experience`] as JSON.
pub(crate) fn html(document: &Value, shown: &Shown<'_>) -> String {
    let texts = &document["texts"];
    let said = |place: &str| escaped(texts[place].as_str().unwrap_or_default());
    let notes = shown.notes.iter().map(|note| format!("<p role=\"status\">{}</p>", escaped(note)));
    let notes = notes.collect::<Vec<_>>().concat();
    let receipt = shown
        .receipt
        .as_ref()
        .map(|(address, words)| format!("<p><a href=\"{}\">{}</a></p>", escaped(address), escaped(words)));
    let categories: String =
        document["categories"].as_array().into_iter().flatten().map(|one| category(document, one, shown)).collect();
    let hidden = hidden(document, shown)
        .into_iter()
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escaped(&value)));
    let hidden = hidden.collect::<Vec<_>>().concat();
    // The first button is what Enter presses: the one that records what is ticked, and grants nothing else.
    let buttons: String = [("choose", "save"), ("accept_all", "accept"), ("reject_all", "reject")]
        .map(|(method, place)| format!("<button name=\"method\" value=\"{method}\">{}</button>", said(place)))
        .concat();
    let (language, title, body) = (said("language"), said("title"), said("body"));
    let dir = texts["dir"].as_str().unwrap_or("ltr");
    let receipt = receipt.unwrap_or_default();
    format!(
        "<!doctype html><html lang=\"{language}\" dir=\"{dir}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta name=\"robots\" content=\"noindex\">\
         <title>{title}</title><link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"form.css\"></head>\
         <body><main><h1>{title}</h1>{notes}{receipt}<p>{body}</p>\
         <form method=\"post\">{hidden}{categories}<div class=\"a\">{buttons}</div></form></main></body></html>"
    )
}

fn category(document: &Value, category: &Value, shown: &Shown<'_>) -> String {
    let said = |name: &str| escaped(category[name].as_str().unwrap_or_default());
    let (id, name, description) = (said("id"), said("name"), said("description"));
    let is = |all: &[String]| all.iter().any(|one| Some(one.as_str()) == category["id"].as_str());
    let switch = if category["id"] == workspace::REQUIRED {
        let always = escaped(document["texts"]["always"].as_str().unwrap_or_default());
        format!("<div class=\"w\">{name}<small>{always}</small></div>")
    } else {
        let state = if is(&shown.denied) {
            " disabled"
        } else if is(&shown.ticked) {
            " checked"
        } else {
            ""
        };
        format!(
            "<label>{name}<input type=\"checkbox\" name=\"category\" value=\"{id}\" aria-describedby=\"c-{id}\"{state}></label>"
        )
    };
    let vendors = document["vendors"].as_array().into_iter().flatten();
    let vendors: String = vendors.filter(|vendor| vendor["category"] == category["id"]).map(vendor).collect();
    let vendors = if vendors.is_empty() { vendors } else { format!("<ul>{vendors}</ul>") };
    format!("<div class=\"o\">{switch}<p id=\"c-{id}\">{description}</p>{vendors}</div>")
}

fn vendor(vendor: &Value) -> String {
    let name = escaped(vendor["name"].as_str().unwrap_or_default());
    match vendor["policy"].as_str() {
        Some(policy) => format!("<li><a href=\"{}\" rel=\"noopener noreferrer\">{name}</a></li>", escaped(policy)),
        None => format!("<li>{name}</li>"),
    }
}

/// What the choice will say was shown.
fn hidden(document: &Value, shown: &Shown<'_>) -> Vec<(&'static str, String)> {
    let (texts, regime) = (&document["texts"], &document["regime"]);
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut all = vec![
        ("version", text(&texts["version"])),
        ("textHash", text(&texts["hash"])),
        ("language", text(&texts["language"])),
        ("regime", text(&regime["id"])),
        ("regimeVersion", text(&regime["version"])),
    ];
    all.extend(shown.confirms.clone().map(|confirms| ("confirmed", confirms)));
    all
}

/// Safe between tags and in quoted attributes.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_that_is_put_in_becomes_markup() {
        let evil = "\"><script>alert('1')</script>&";
        let document = json!({
            "texts": { "title": evil, "body": evil, "language": evil, "always": evil, "save": evil },
            "categories": [{ "id": "required", "name": evil }, { "id": evil, "name": evil, "description": evil }],
            "vendors": [{ "name": evil, "policy": evil, "category": evil }],
            "regime": { "id": evil, "version": 1 },
        });
        let shown = Shown {
            notes: vec![evil],
            receipt: Some((evil.to_owned(), evil)),
            confirms: Some(evil.to_owned()),
            ..Shown::default()
        };
        let html = html(&document, &shown);
        assert!(!html.contains("<script") && !html.contains("'1'"), "{html}");
        assert!(html.contains("&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;"));
    }
}
