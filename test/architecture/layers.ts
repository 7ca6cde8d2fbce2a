/** The layers of src/, in one table: what each folder may import, and of what it may know the types alone. */
export interface Layer {
  readonly imports: readonly string[];
  /** By `import type`: contracts, and what goes over the wire. */
  readonly types?: readonly string[];
}

export const LAYERS: Readonly<Record<string, Layer>> = {
  base: { imports: [] },
  metrics: { imports: ['base'] },
  config: { imports: ['base'] },
  state: { imports: ['base'] },
  'agent-client': { imports: ['base'] },
  registry: { imports: ['base'] },
  images: { imports: ['base', 'state', 'registry'] },
  network: { imports: ['base', 'state', 'agent-client'] },
  volumes: { imports: ['base', 'state'] },
  sandbox: { imports: ['base', 'state', 'agent-client'] },
  engine: {
    imports: ['base', 'config', 'state', 'metrics', 'images', 'network', 'volumes', 'sandbox'],
  },
  api: {
    imports: ['base', 'config', 'metrics', 'engine'],
    types: ['images', 'network', 'volumes', 'sandbox'],
  },
  // The composition root.
  daemon: {
    imports: ['base', 'config', 'state', 'metrics', 'agent-client', 'images', 'network', 'volumes', 'sandbox', 'engine', 'api'],
  },
  // Clients: they speak to the daemon through its socket.
  'docker-client': { imports: ['base'], types: ['engine'] },
  compare: { imports: ['base', 'config', 'docker-client'], types: ['engine'] },
  doctor: { imports: ['base', 'config', 'sandbox'] },
  // `abode daemon` runs the daemon in the foreground.
  cli: {
    imports: ['base', 'config', 'docker-client', 'compare', 'doctor', 'daemon'],
    types: ['engine'],
  },
};
