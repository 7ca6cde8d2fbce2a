/** The daemon's own process, by the names that every Prometheus client uses. */
import { readdir, readFile } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { counter, type Family, gauge, single } from './family.ts';

const startedAt = Date.now() / 1000 - process.uptime();
const delay = monitorEventLoopDelay({ resolution: 20 });

/** From here on it is measured how long the event loop is held up. */
export function watchEventLoop(): void {
  delay.enable();
}

export async function readProcess(): Promise<Family[]> {
  const { user, system } = process.cpuUsage();
  const [descriptors, limits] = await Promise.all([readdir('/proc/self/fd'), readFile('/proc/self/limits', 'utf8')]);
  const most = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Infinity);
  // Before its first measurement there is none.
  const quantile = (percent: number): number => Math.max(0, delay.percentile(percent) / 1e9);
  return [
    counter('process_cpu_seconds_total', 'CPU time of the daemon.', single((user + system) / 1e6)),
    gauge('process_resident_memory_bytes', 'Resident memory of the daemon.', single(process.memoryUsage.rss())),
    gauge('process_start_time_seconds', 'When the daemon was started, in seconds since 1970.', single(startedAt)),
    gauge('process_open_fds', 'Open descriptors of the daemon.', single(descriptors.length)),
    gauge('process_max_fds', 'The most descriptors that the daemon may have.', single(most)),
    gauge(
      'nodejs_eventloop_delay_seconds',
      "How long the daemon's event loop was held up, since its start.",
      [50, 99].map((percent) => ({ labels: { quantile: String(percent / 100) }, value: quantile(percent) })),
    ),
  ];
}
