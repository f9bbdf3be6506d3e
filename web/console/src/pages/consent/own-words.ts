// Assent's own words, from the files that the server is built from: what stands where a workspace writes nothing.

export interface OwnWords {
  categories: Record<string, { name: string; description: string }>;
  [place: string]: unknown;
}

const FILES = import.meta.glob<OwnWords>("../../../../../crates/workspace/texts/*.json", {
  eager: true,
  import: "default",
});

const OWN: Record<string, OwnWords> = Object.fromEntries(
  Object.entries(FILES).map(([path, words]) => [path.replace(/^.*\/(.+)\.json$/, "$1"), words]),
);

/** The languages that Assent has words in. */
export const OWN_LANGUAGES: readonly string[] = Object.keys(OWN).sort();

export const ownWords = (language: string): OwnWords | undefined => OWN[language];
export const ownText = (language: string, place: string): string => {
  const found = OWN[language]?.[place];
  return typeof found === "string" ? found : "";
};
