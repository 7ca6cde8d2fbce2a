/** The daemon's process: `node src/daemon/main.ts [--root DIR] [--run-dir DIR] [--socket PATH] [--pool N] [--metrics-addr ADDRESS:PORT]`. */
import { parseArgs } from 'node:util';
import { messageOf } from '../base/errors.ts';
import { loadConfig } from '../config/config.ts';
import { runDaemon } from './run-daemon.ts';

const { values } = parseArgs({
  options: {
    root: { type: 'string' },
    'run-dir': { type: 'string' },
    socket: { type: 'string' },
    pool: { type: 'string' },
    'log-level': { type: 'string' },
    'metrics-addr': { type: 'string' },
  },
});

try {
  await runDaemon(
    loadConfig({
      root: values.root,
      runDir: values['run-dir'],
      socket: values.socket,
      pool: values.pool,
      logLevel: values['log-level'],
      metricsAddr: values['metrics-addr'],
    }),
  );
  process.exit(0);
} catch (error) {
  process.stderr.write(`abode: ${messageOf(error)}\n`);
  process.exit(1);
}
