import { type Logger, pino } from 'pino';

export type Log = Logger;

/** The daemon's log: JSON lines on stderr, so that a supervisor or `abode up` decides where they go. */
export function createLog(level: string): Log {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: 2, sync: true }));
}
