/** What an archive says it holds, whichever form it has: names are checked, content is not yet. */
export interface ArchivedImage {
  /** The configuration's JSON, byte for byte. */
  readonly configuration: string;
  /** The layers' names in the archive, lowest first. */
  readonly layers: readonly string[];
  /** As Docker shows them. */
  readonly references: readonly string[];
}
