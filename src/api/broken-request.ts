/** What no parser could read gets an answer too, as far as the connection still takes one. */
import type { Socket } from 'node:net';

export function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const [status, message] = explain(error.code);
  const body = JSON.stringify({ message });
  if (socket.writable) {
    socket.write(
      `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${String(Buffer.byteLength(body))}\r\nConnection: close\r\n\r\n${body}`,
    );
  }
  socket.destroySoon();
}

function explain(code: string | undefined): [status: string, message: string] {
  switch (code) {
    case 'HPE_INVALID_EOF_STATE':
      return ['400 Bad Request', 'invalid JSON: unexpected EOF'];
    case 'HPE_HEADER_OVERFLOW':
      return ['431 Request Header Fields Too Large', 'request header fields too large'];
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return ['408 Request Timeout', 'the request did not come within its deadline'];
    default:
      return ['400 Bad Request', 'malformed HTTP request'];
  }
}
