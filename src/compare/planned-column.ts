/** A column before its preparation, which may fail and then is the column's failure only. */
import type { AbodeClient } from '../docker-client/abode-client.ts';
import type { ImageFacts } from '../docker-client/client.ts';
import type { Column } from './column.ts';

export interface Preparation {
  readonly abode: AbodeClient;
  readonly engine: string;
  /** As the user named it, and as Abode knows it. */
  readonly reference: string;
  readonly image: ImageFacts;
  /** Unlikely to clash; part of every name that the comparison makes. */
  readonly runId: string;
  readonly runs: number;
  readonly signal: AbortSignal;
  /** What must be undone when the comparison ends, however it ends. */
  readonly cleanUp: AsyncDisposableStack;
}

export interface PlannedColumn {
  readonly name: string;
  prepare(preparation: Preparation): Promise<Column>;
}
