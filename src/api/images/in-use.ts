import type { ContainerEngine } from '../../engine/api.ts';

/** Tells the store which container stands in an image's way; a running one before others. */
export function findUser(engine: ContainerEngine): (imageId: string) => { id: string; running: boolean } | undefined {
  const containers = engine.list({ all: true, filters: {} });
  return (imageId) => {
    const users = containers.filter((container) => container.imageId === imageId);
    const user = users.find(({ state }) => state.status === 'running') ?? users[0];
    return user === undefined ? undefined : { id: user.id, running: user.state.status === 'running' };
  };
}
