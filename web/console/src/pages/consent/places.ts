// Every place that has words, in the order in which visitors meet them (`crates/workspace/src/words.rs`).

export const PLACES: readonly (readonly [
  title: string,
  places: readonly (readonly [place: string, label: string])[],
])[] = [
  [
    "First layer",
    [
      ["title", "Title"],
      ["body", "Text"],
      ["accept", "Button that accepts all"],
      ["reject", "Button that refuses all"],
      ["choose", "Button that opens the preference centre"],
    ],
  ],
  [
    "Preference centre",
    [
      ["save", "Button that saves"],
      ["close", "Close, read out"],
      ["always", "Beside what cannot be refused"],
      ["confirm", "Asked before an opt-in that needs two steps"],
      ["over_gpc_title", "Title, before an opt-in over the browser's signal"],
      ["over_gpc", "What the signal asks for, and what granting undoes"],
      ["over_gpc_allow", "Button that grants over the signal"],
      ["over_gpc_keep", "Button that leaves the signal in force"],
    ],
  ],
  [
    "Afterwards",
    [
      ["control", "Button that opens the choices again"],
      ["choices_link", "The same where the United States name it"],
      ["withdraw", "Button that withdraws"],
      ["receipt", "Link to the receipt of a choice"],
      ["elsewhere", "In front of what was refused on another device"],
      ["gpc", "Said when Global Privacy Control was honoured"],
      ["reload", "Said when something only ends with a reload"],
      ["reload_button", "Button that reloads"],
      ["saved", "Said when the form without JavaScript was sent"],
    ],
  ],
];

export const LABELS: readonly (readonly [place: string, label: string])[] = PLACES.flatMap(([, places]) => places);
