/** A client in a process of its own, to be killed: attaches to process ARG 2 of the shim at ARG 1 and says so, and when it got bytes. */
import { AgentConnection } from '../../src/agent-client/connection.ts';
import { FrameType } from '../../src/agent-client/frame.ts';

const [, , path = '', proc = ''] = process.argv;
const connection = await AgentConnection.open(path);
connection.on('frame', (frame) => {
  if (frame.type === FrameType.DATA) process.stdout.write('read\n');
});
await connection.request(FrameType.ATTACH, undefined, Number(proc));
process.stdout.write('attached\n');
