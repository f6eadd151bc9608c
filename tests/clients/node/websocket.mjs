// WebSockets through a proxy: `config.client` and `config.origin` say which HTTP ("h1", "h2") each end speaks.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import http from 'node:http';

import { HttpsProxyAgent } from 'https-proxy-agent';
import { WebSocket } from 'ws';

import { config, hear, once, run, say } from './script.mjs';
import { connectThrough, secure, session } from './tunnel.mjs';
import { WebSocketOrigin, openOverH2 } from './websocket_origin.mjs';

const origin = await WebSocketOrigin.start({ http2: config.origin === 'h2', secure: config.secure ?? true });
const agent = new HttpsProxyAgent(`http://127.0.0.1:${config.proxy}`);
let shared;

/** Both ends of a new WebSocket. */
async function open(path = '/chat', protocols = ['shout.v2', 'shout.v1']) {
  let client;
  if (config.client === 'h2') {
    if (!shared) {
      shared = await session(origin.url);
      assert.equal(shared.remoteSettings.enableConnectProtocol, true);
      // What an origin speaks is known when it has been asked something.
      await shared.request({ ':path': '/' }).toArray();
      if (config.origin === 'h2') await origin.requests.take();
    }
    client = await openOverH2(shared, path, protocols);
  } else {
    client = new WebSocket(origin.url.replace('http', 'ws') + path, protocols, { agent, ca: config.ca, perMessageDeflate: { threshold: 0 } });
    await once(client, 'open');
  }
  return { client, peer: await origin.peers.take(), request: await origin.requests.take() };
}

async function echo(socket, data, options) {
  const back = once(socket, 'message');
  socket.send(data, options);
  const [message, binary] = await back;
  return binary ? message : message.toString();
}

await run({
  async messages() {
    const { client, peer, request } = await open('/chat?room=1');
    assert.deepEqual([request.version, request.path], [config.origin === 'h2' ? '2' : '1.1', '/chat?room=1']);
    assert.equal(request.fields['sec-websocket-version'], '13');
    assert.equal(client.protocol, 'shout.v2');
    assert.match(Object.keys(client._extensions).join(), /permessage-deflate/);
    for (let n = 0; n < 20; ++n) assert.equal(await echo(client, `message ${n} äöü`), `message ${n} äöü`);
    assert.deepEqual(await echo(client, Buffer.from([0, 255, 1])), Buffer.from([0, 255, 1]));
    assert.equal(await echo(client, ''), '');
    const whole = once(client, 'message');
    client.send('in ', { fin: false });
    client.send('three ', { fin: false });
    client.send('parts', { fin: true });
    assert.equal((await whole)[0].toString(), 'in three parts');
    assert.equal(await echo(client, 'as it is', { compress: false }), 'as it is');
    for (const [from, to] of [[client, peer], [peer, client]]) {
      const seen = once(to, 'ping');
      const answered = once(from, 'pong');
      from.ping('are you there');
      assert.deepEqual([String(await seen), String(await answered)], ['are you there', 'are you there']);
    }
    const closed = [once(client, 'close'), once(peer, 'close')];
    client.close(4001, 'enough');
    const [mine, theirs] = await Promise.all(closed);
    assert.deepEqual([mine[0], theirs[0], theirs[1].toString()], [4001, 4001, 'enough']);
  },

  async big_messages() {
    const { client, peer } = await open();
    const size = 5 << 20;
    const noise = crypto.randomBytes(size);
    assert.ok((await echo(client, noise)).equals(noise));
    const text = 'the same again '.repeat(size / 15);
    assert.equal(await echo(client, text), text);
    const closed = once(client, 'close');
    peer.close(1001, 'going');
    assert.deepEqual(await closed, [1001, Buffer.from('going')]);
  },

  /** Ends without a closing handshake. */
  async cut() {
    const first = await open();
    const gone = once(first.peer, 'close');
    await echo(first.client, 'one');
    first.client.terminate();
    assert.equal((await gone)[0], 1006);
    const second = await open();
    const left = once(second.client, 'close');
    second.client.on('error', () => {});
    await echo(second.client, 'two');
    second.peer.terminate();
    assert.equal((await left)[0], 1006);
  },

  async many() {
    const pairs = [];
    for (let n = 0; n < 20; ++n) pairs.push(await open(`/chat/${n}`));
    for (let round = 0; round < 10; ++round)
      await Promise.all(pairs.map(async ({ client }, n) => assert.equal(await echo(client, `${n} ${round}`), `${n} ${round}`)));
    await Promise.all(pairs.map(({ client }) => { const closed = once(client, 'close'); client.close(1000); return closed; }));
  },

  /** A keep-alive connection that came later is cut for idleness; the WebSocket, idle for longer, is not. */
  async idle() {
    const { client, peer } = await open();
    await echo(client, 'before');
    const other = await secure(await connectThrough(origin.place), ['http/1.1']);
    other.resume();
    await once(other, 'close');
    assert.equal(await echo(client, 'after'), 'after');
    const heard = once(client, 'message');
    peer.send('from the other side');
    assert.equal(String((await heard)[0]), 'from the other side');
    const closed = once(client, 'close');
    client.close(1000);
    await closed;
  },

  async drain() {
    const { client } = await open();
    assert.equal(await echo(client, 'one'), 'one');
    const closed = once(client, 'close');
    client.on('error', () => {});
    say('open');
    await closed;
  },

  /** Sends each of `config.leaks` in each way: the client is told why not, and the origin never hears it. */
  async leaks() {
    const ways = [
      (client, text) => client.send(`it is ${text}, you see`),
      (client, text) => client.send(`it is ${text}`, { compress: false }),
      (client, text) => client.send(Buffer.from(text), { binary: true }),
      (client, text) => { client.send(`it is ${text.slice(0, 9)}`, { fin: false }); client.send(text.slice(9), { fin: true }); },
      (client, text) => client.ping(text),
      (client, text) => client.send('x'.repeat(1 << 20) + text),
    ];
    for (const [text, code] of config.leaks)
      for (const [number, leak] of ways.entries()) {
        const { client, peer } = await open(`/chat/${number}`);
        const heard = [];
        peer.on('message', (data) => heard.push(String(data)));
        peer.on('ping', (data) => heard.push(String(data)));
        client.on('error', () => {});
        assert.equal(await echo(client, 'fine'), 'fine');
        assert.equal(await echo(client, text.slice(0, 9)), text.slice(0, 9)); // the beginning is nothing
        const cut = once(peer, 'close');
        const closed = once(client, 'close');
        leak(client, text);
        const [why, reason] = await closed;
        assert.deepEqual([number, why, String(reason)], [number, 1008, code]);
        assert.deepEqual([await cut].flat()[0], 1006);
        assert.deepEqual(heard, ['fine', text.slice(0, 9)]);
      }
  },

  async refused() {
    if (config.client === 'h2') {
      shared = await session(origin.url);
      await shared.request({ ':path': '/' }).toArray();
      await assert.rejects(openOverH2(shared, '/refused'), { status: 403, text: 'not for us' });
      return;
    }
    const client = new WebSocket(origin.url.replace('http', 'ws') + '/refused', { agent, ca: config.ca });
    const [, response] = await once(client, 'unexpected-response');
    assert.deepEqual([response.statusCode, Buffer.concat(await response.toArray()).toString()], [403, 'not for us']);
  },

  /** Not through a tunnel: to the proxy itself, and no WebSocket at all. */
  async other_protocol() {
    const request = http.get({ host: '127.0.0.1', port: config.proxy, path: `${origin.url}/other`,
                               headers: { Host: origin.place, Connection: 'Upgrade', Upgrade: 'shout' } });
    const [response, socket, head] = await once(request, 'upgrade');
    assert.deepEqual([response.statusCode, response.headers.upgrade], [101, 'shout']);
    let text = head.toString();
    const heard = (wanted) => new Promise((resolve) => {
      const look = () => { if (text === wanted) { socket.off('data', add); resolve(); } };
      const add = (part) => { text += part; look(); };
      socket.on('data', add);
      look();
    });
    await heard('hello ');
    socket.write('you ');
    await heard('hello YOU ');
    socket.end('there');
    await heard('hello YOU THERE');
  },
});
