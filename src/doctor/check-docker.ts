import { attempt } from './attempt.ts';
import { type Finding, type Ground, install, ok, warn } from './finding.ts';

/** A Docker on the same host drops what is forwarded unless its chain DOCKER-USER says otherwise. */
export async function checkDocker({ bridge }: Ground): Promise<readonly Finding[]> {
  const client = await attempt('docker', ['--version']);
  return [
    client.works
      ? ok('docker client', client.output)
      : warn('docker client', 'not installed', 'driving Abode by the docker command; other clients of its API work', install('docker.io')),
    await checkFirewall(bridge),
  ];
}

async function checkFirewall(bridge: string): Promise<Finding> {
  const chain = await attempt('nft', ['list', 'chain', 'ip', 'filter', 'DOCKER-USER']);
  if (!chain.works) {
    return ok('docker beside', 'no Docker has set up its firewall here, nothing to get along with');
  }
  return ok(
    'docker beside',
    chain.output.includes(`"${bridge}"`)
      ? `Docker's firewall is here, and its chain DOCKER-USER lets ${bridge} through`
      : `Docker's firewall is here; the daemon puts ${bridge} into its chain DOCKER-USER when it starts`,
  );
}
