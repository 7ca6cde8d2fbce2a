/** One way to run the image. */
import type { DockerClient } from '../docker-client/client.ts';
import type { Ulimit } from '../engine/record.ts';
import type { Absences, Sample } from './measures.ts';

export interface Reading {
  readonly sample: Sample;
  readonly absences: Absences;
}

export interface Column {
  readonly name: string;
  /** The engine and its version. */
  readonly engine: string;
  readonly client: DockerClient;
  /** The image's name in this engine. */
  readonly image: string;
  readonly runtime?: string | undefined;
  readonly ulimits?: readonly Ulimit[];
  readonly runs: number;
  /** What the host holds for a running instance. */
  readMemory(id: string, signal: AbortSignal): Promise<Reading>;
  /** Bytes, or why it cannot be told. */
  readImageSize(signal: AbortSignal): Promise<number | string>;
}
