/** Files of a container on the host: by its own shim while it runs, by one for the purpose while it does not. */
import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FieldsBuilder, Tag } from '../../agent-client/fields.ts';
import { FrameType } from '../../agent-client/frame.ts';
import { bindWords, existingFiles, type FileAccess, mountWords } from '../file-access.ts';
import { overlayOptions } from '../overlay.ts';
import type { ContainerSpec } from '../sandbox.ts';
import { Shim } from '../shim.ts';

const END_MS = 5000;

/** `shim` has the container's root filesystem mounted. */
export function runningFiles(shim: Shim, spec: ContainerSpec): FileAccess {
  return access(shim, spec, [], join(spec.runDir, 'rootfs'), () => Promise.resolve());
}

/** The caller keeps the container from starting meanwhile: two mounts of one writable layer would spoil it. */
export async function restingFiles(agentPath: string, spec: ContainerSpec): Promise<FileAccess> {
  const upper = join(spec.rootDir, 'upper');
  const work = join(spec.rootDir, 'work');
  const root = join(spec.runDir, 'rootfs');
  await Promise.all([
    mkdir(upper, { recursive: true, mode: 0o755 }),
    mkdir(work, { recursive: true, mode: 0o700 }),
    mkdir(root, { recursive: true, mode: 0o700 }),
  ]);
  const shim = await Shim.spawn(agentPath, spec.runDir, { ephemeral: true });
  return access(shim, spec, ['--overlay', root, overlayOptions(spec.layers, upper, work)], root, async () => {
    await shim.request(FrameType.SHUTDOWN, new FieldsBuilder().add(Tag.GRACE, 0)).catch(() => undefined);
    await shim.gone(END_MS);
    shim.disconnect();
    await rm(spec.runDir, { recursive: true, force: true });
  });
}

function access(shim: Shim, spec: ContainerSpec, view: readonly string[], root: string, release: () => Promise<void>): FileAccess {
  const { layers, files, mounts, rootDir, runDir } = spec;
  const lower = join(runDir, 'lower');
  const [only] = layers;
  return {
    root: async (whole) => [...view, ...(whole ? [...mountWords(mounts), ...bindWords(await existingFiles(files))] : []), root],
    layer: () =>
      layers.length === 1 && only !== undefined
        ? { root: [join(rootDir, 'upper')], lower: only }
        : { root: ['--overlay', lower, overlayOptions(layers), join(rootDir, 'upper')], lower },
    async start(words, { input } = { input: false }) {
      await mkdir(lower, { recursive: true, mode: 0o700 });
      const channel = join(runDir, `f-${randomBytes(6).toString('hex')}`);
      return shim.helper(['files', ...words], { input, channel });
    },
    [Symbol.asyncDispose]: release,
  };
}

/**
 * Only what a container has mounted of the host, in its places: of a container in a VM the rest is not here. Its root is empty but for
 * them, so a link from there to elsewhere in the container leads nowhere.
 */
export async function mountedFiles(agentPath: string, spec: ContainerSpec): Promise<FileAccess> {
  const runDir = `${spec.runDir}-${randomBytes(4).toString('hex')}`;
  const root = join(runDir, 'rootfs');
  await mkdir(root, { recursive: true, mode: 0o700 });
  const shim = await Shim.spawn(agentPath, runDir, { ephemeral: true });
  return access(shim, { ...spec, runDir, files: [] }, [], root, async () => {
    await shim.request(FrameType.SHUTDOWN, new FieldsBuilder().add(Tag.GRACE, 0)).catch(() => undefined);
    await shim.gone(END_MS);
    shim.disconnect();
    await rm(runDir, { recursive: true, force: true });
  });
}
