// The text of a checkpoint (C2SP `tlog-checkpoint`): origin, size and root hash, each on a line, then signatures.

export interface Checkpoint {
  origin: string;
  size: number;
  /** Base64. */
  root: string;
}

/** Reads what is shown of it. Whether it is signed, the server has checked and `assent ledger verify` checks again. */
export function readCheckpoint(note: string): Checkpoint {
  const [origin = "", size = "", root = ""] = note.split("\n");
  return { origin, size: Number(size), root };
}
