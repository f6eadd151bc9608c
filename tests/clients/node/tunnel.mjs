// Ways through a proxy for clients that take a socket.
import http from 'node:http';
import http2 from 'node:http2';
import tls from 'node:tls';

import { config, once } from './script.mjs';

/** A socket to `place` behind a CONNECT. */
export async function connectThrough(place) {
  const request = http.request({ host: '127.0.0.1', port: config.proxy, method: 'CONNECT', path: place, headers: { Host: place } });
  request.end();
  const [response, socket] = await once(request, 'connect');
  if (response.statusCode !== 200) throw new Error(`CONNECT: ${response.statusCode}`);
  return socket;
}

/** TLS over `socket`, which may be any Duplex. */
export async function secure(socket, alpn = ['h2']) {
  const secured = tls.connect({ socket, servername: 'localhost', ca: config.ca, ALPNProtocols: alpn });
  await once(secured, 'secureConnect');
  return secured;
}

/** An HTTP/2 session with `origin` (https by ALPN, http by prior knowledge), inside a CONNECT. */
export async function session(origin, options = {}) {
  const url = new URL(origin);
  let socket = await connectThrough(url.host);
  if (url.protocol === 'https:') socket = await secure(socket);
  return attach(origin, socket, options);
}

/** An HTTP/2 session with the proxy itself, as its clients may have by prior knowledge. */
export const proxySession = () => attach(`http://127.0.0.1:${config.proxy}`);

async function attach(origin, socket, options = {}) {
  const client = http2.connect(origin, { ...options, ...(socket && { createConnection: () => socket }) });
  client.on('error', (error) => { client.failure = error; });
  await once(client, 'remoteSettings');
  return client;
}
