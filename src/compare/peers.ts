/** Engines of this machine that can be compared with. */
export const PEERS = ['docker', 'podman'] as const;
export type Peer = (typeof PEERS)[number];

export const DOCKER_SOCKET = '/var/run/docker.sock';
