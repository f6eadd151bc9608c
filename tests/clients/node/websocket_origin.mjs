// Origins of WebSockets: over HTTP/1.1 by npm's ws, over HTTP/2 (RFC 8441) by Node's server and ws's frames.
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';

import { PerMessageDeflate, WebSocket, WebSocketServer, extension } from 'ws';

import { Queue, config, once } from './script.mjs';

const { extensionName } = PerMessageDeflate;
const LIMIT = 16 << 20;
const DEFLATE = { threshold: 0, maxPayload: LIMIT };

/** A WebSocket over a stream that has been opened already. ws itself opens none over HTTP/2. */
function adopt(stream, isServer, extensions) {
  const socket = new WebSocket(null, undefined, { autoPong: true, closeTimeout: 30_000 });
  socket._isServer = isServer;
  socket._extensions = extensions;
  socket.setSocket(stream, Buffer.alloc(0), { maxPayload: LIMIT, allowSynchronousEvents: true });
  return socket;
}

/** A client's WebSocket in a stream of `session`; a response that is none is thrown. */
export async function openOverH2(session, path, protocols = []) {
  const deflate = new PerMessageDeflate({ ...DEFLATE, isServer: false });
  const stream = session.request({
    ':method': 'CONNECT', ':protocol': 'websocket', ':path': path, 'sec-websocket-version': '13',
    'sec-websocket-extensions': extension.format({ [extensionName]: deflate.offer() }),
    ...(protocols.length && { 'sec-websocket-protocol': protocols.join(', ') }),
  }, { endStream: false });
  const [fields] = [await once(stream, 'response')].flat();
  if (fields[':status'] !== 200)
    throw Object.assign(new Error('refused'), { status: fields[':status'], text: Buffer.concat(await stream.toArray()).toString() });
  const answered = extension.parse(fields['sec-websocket-extensions'] ?? '')[extensionName];
  if (answered) deflate.accept(answered);
  const socket = adopt(stream, false, answered ? { [extensionName]: deflate } : {});
  socket._protocol = fields['sec-websocket-protocol'] ?? '';
  return socket;
}

/** An origin's end of a WebSocket that was asked for by `fields` on `stream`. */
export function acceptOverH2(stream, fields) {
  const offer = extension.parse(fields['sec-websocket-extensions'] ?? '')[extensionName];
  const deflate = new PerMessageDeflate({ ...DEFLATE, isServer: true });
  if (offer) deflate.accept(offer);
  const protocol = fields['sec-websocket-protocol']?.split(',')[0];
  stream.respond({ ':status': 200, ...(protocol && { 'sec-websocket-protocol': protocol }),
                   ...(offer && { 'sec-websocket-extensions': extension.format({ [extensionName]: [deflate.params] }) }) });
  return adopt(stream, true, offer ? { [extensionName]: deflate } : {});
}

/** For origins of HTTP/1.1. */
export const frames = () => new WebSocketServer({ noServer: true, perMessageDeflate: DEFLATE, maxPayload: LIMIT });

/** Says back what it hears. */
export function echoing(peer) {
  peer.on('error', () => {});
  peer.on('message', (data, binary) => peer.send(data, { binary }));
}

export class WebSocketOrigin {
  peers = new Queue(); // our ends of WebSockets, as they are opened
  requests = new Queue(); // {version, fields, path}

  static async start({ http2: h2 = false, secure = true } = {}) {
    const origin = new WebSocketOrigin();
    const identity = { key: config.key, cert: config.certificate };
    if (h2) {
      origin.server = http2.createSecureServer({ ...identity, settings: { enableConnectProtocol: true } });
      origin.server.on('stream', (stream, fields) => origin.#stream(stream, fields));
      origin.server.on('sessionError', () => {});
    } else {
      origin.server = secure ? https.createServer(identity) : http.createServer();
      origin.frames = frames();
      origin.server.on('upgrade', (...upgrade) => origin.#upgrade(...upgrade));
      origin.server.on('request', (request, response) => response.end('plain'));
    }
    origin.server.listen(0, '127.0.0.1');
    await once(origin.server, 'listening');
    origin.place = `localhost:${origin.server.address().port}`;
    origin.url = `${secure ? 'https' : 'http'}://${origin.place}`;
    return origin;
  }

  #upgrade(request, socket, head) {
    socket.on('error', () => {});
    this.requests.put({ version: request.httpVersion, path: request.url, fields: request.headers });
    if (request.url === '/refused')
      return socket.end('HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 10\r\nConnection: close\r\n\r\nnot for us');
    if (request.url === '/other') {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\nhello ');
      return socket.on('data', (part) => socket.write(part.toString().toUpperCase())).on('end', () => socket.end());
    }
    this.frames.handleUpgrade(request, socket, head, (peer) => this.#peer(peer));
  }

  #stream(stream, fields) {
    stream.on('error', () => {});
    this.requests.put({ version: '2', path: fields[':path'], fields });
    if (fields[':protocol'] === 'websocket' && fields[':path'] !== '/refused') return this.#peer(acceptOverH2(stream, fields));
    stream.respond({ ':status': fields[':protocol'] ? 403 : 200, 'content-type': 'text/plain' });
    stream.end(fields[':protocol'] ? 'not for us' : 'plain');
  }

  #peer(peer) {
    echoing(peer);
    this.peers.put(peer);
  }
}
