// HTTP/2 through a proxy: Node's own client, and an origin in the same process.
import assert from 'node:assert/strict';
import http2 from 'node:http2';
import https from 'node:https';
import { Readable } from 'node:stream';

import { BLOCK, H2Origin, bytes, digest, sum } from './h2_origin.mjs';
import { config, hear, once, run, say } from './script.mjs';
import { connectThrough, proxySession, secure, session } from './tunnel.mjs';

const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR } = http2.constants;
const SIZE = 20 << 20;
const options = { tls: config.tls ?? true };

/** Fields without what Node notes beside them. */
const plain = (fields) => Object.fromEntries(Object.entries(fields));

/** A whole exchange: status, fields, body as text, interim responses, trailers. */
async function fetch(client, path, { method = 'GET', fields = {}, body, trailers } = {}) {
  const request = client.request({ ':method': method, ':path': path, ...fields },
                                 { endStream: body === undefined && !trailers, waitForTrailers: Boolean(trailers) });
  const seen = { interim: [], trailers: {} };
  request.on('headers', (head) => seen.interim.push(plain(head)));
  request.on('trailers', (head) => { seen.trailers = plain(head); });
  request.on('wantTrailers', () => request.sendTrailers(trailers));
  if (body !== undefined || trailers) Readable.from(body ?? []).pipe(request);
  const answered = once(request, 'response').then((values) => { [seen.fields] = [values].flat(); });
  const parts = [];
  request.on('data', (part) => parts.push(part));
  await Promise.all([answered, once(request, 'end')]);
  await new Promise(setImmediate); // Node tells of trailers behind the end
  return { ...seen, status: seen.fields[':status'], text: Buffer.concat(parts).toString(),
           get json() { return JSON.parse(this.text); } };
}

/** How a stream ended that did not end well. */
const reset = (request) => new Promise((resolve) => {
  request.on('error', () => {});
  request.on('close', () => resolve(request.rstCode));
});

async function both(settings = {}, client = {}) {
  const origin = await H2Origin.start({ ...options, settings });
  return { origin, client: await session(origin.url, client) };
}

/** Waits until `count()` has stood still for a while: who sends has been stopped. */
async function standstill(count) {
  for (let last = -1, same = 0; same < 20; last = count()) {
    await new Promise((resolve) => setTimeout(resolve, 25));
    same = count() === last ? same + 1 : 0;
  }
  return count();
}

await run({
  /** For clients that are no script: serves until it is told to end. */
  async serve() {
    const origin = await H2Origin.start({ ...options, http1: config.http1 ?? false });
    say({ url: origin.url });
    await hear('end');
    say({ sessions: origin.sessions });
  },

  async exchanges() {
    const { origin, client } = await both();
    const got = await fetch(client, '/echo?a=b%20c', { fields: { 'x-mine': 'One, Two', te: 'trailers' } });
    assert.equal(got.status, 200);
    assert.deepEqual([got.json.method, got.json.path, got.json.authority, got.json.scheme, got.json.ended, got.json.length],
                     ['GET', '/echo?a=b%20c', origin.place, new URL(origin.url).protocol.slice(0, -1), true, 0]);
    assert.equal(got.json.raw[got.json.raw.indexOf('x-mine') + 1], 'One, Two');
    assert.equal(got.json.raw[got.json.raw.indexOf('te') + 1], 'trailers');
    const posted = await fetch(client, '/echo', { method: 'POST', body: ['one,', 'two'] });
    assert.deepEqual([posted.json.method, posted.json.length], ['POST', 7]);
    const empty = await fetch(client, '/echo', { method: 'POST', body: [] });
    assert.deepEqual([empty.status, empty.json.length], [200, 0]);
    for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND'])
      assert.equal((await fetch(client, '/echo', { method })).json.method, method);
    const head = await fetch(client, '/bytes/5000', { method: 'HEAD' });
    assert.deepEqual([head.status, head.fields['content-length'], head.text], [200, '5000', '']);
    for (const status of [204, 304, 404, 500]) {
      const bare = await fetch(client, `/status/${status}`);
      assert.deepEqual([bare.status, bare.fields.etag, bare.text], [status, '"tag"', '']);
    }
    assert.equal(origin.sessions, 1);
  },

  async big_bodies() {
    const { client } = await both();
    const request = client.request({ ':path': `/bytes/${SIZE}` });
    const wanted = { length: SIZE, sha256: sum(SIZE) };
    const mirror = client.request({ ':method': 'POST', ':path': '/mirror' });
    Readable.from(bytes(SIZE)).pipe(mirror);
    const [down, up, back] = await Promise.all([
      digest(request),
      fetch(client, '/echo', { method: 'POST', fields: { 'content-length': SIZE }, body: bytes(SIZE) }),
      digest(mirror),
    ]);
    assert.deepEqual(down, wanted);
    assert.deepEqual({ length: up.json.length, sha256: up.json.sha256 }, wanted);
    assert.deepEqual(back, wanted);
  },

  async many_streams() {
    const { origin, client } = await both();
    const most = 100;
    assert.ok(client.remoteSettings.maxConcurrentStreams >= most, client.remoteSettings);
    const held = Array.from({ length: most }, () => fetch(client, '/held'));
    for (let seen = 0; seen < most; ++seen) await origin.requests.take();
    assert.equal(origin.mostStreams, most);
    for (let n = 0; n < most; ++n) origin.release.put();
    for (const answer of await Promise.all(held)) assert.equal(answer.text, 'released');
    const echoes = await Promise.all(Array.from({ length: 400 }, (_, n) => fetch(client, `/echo?${n}`)));
    echoes.forEach((answer, n) => assert.equal(answer.json.path, `/echo?${n}`));
  },

  /** The origin wants few streams at once; the client does not know. */
  async origin_with_few_streams() {
    const { origin, client } = await both({ maxConcurrentStreams: 5 });
    const answers = await Promise.all(Array.from({ length: 60 }, (_, n) => fetch(client, '/echo', { method: 'POST', body: [`${n}`] })));
    for (const answer of answers) assert.equal(answer.status, 200);
    assert.ok(origin.mostStreams <= 5 * origin.sessions, `${origin.mostStreams} streams, ${origin.sessions} connections`);
  },

  async trailers() {
    const { client } = await both();
    const got = await fetch(client, '/trailers', { fields: { te: 'trailers' } });
    assert.deepEqual([got.text, got.trailers], ['body', { 'x-checksum': '41b5', 'x-second': 'two' }]);
    const bare = await fetch(client, '/trailers_only');
    assert.deepEqual([bare.text, bare.trailers], ['', { 'x-checksum': 'none' }]);
    const sent = await fetch(client, '/echo', { method: 'POST', body: ['body'], trailers: { 'x-digest': 'abc' } });
    assert.deepEqual([sent.json.length, sent.json.trailers], [4, { 'x-digest': 'abc' }]);
    for (let n = 0; n < 20; ++n) { // head and trailers come together, or they do not
      const alone = await fetch(client, '/echo', { method: 'POST', trailers: { 'x-digest': 'alone' } });
      assert.deepEqual([alone.json.length, alone.json.trailers], [0, { 'x-digest': 'alone' }]);
    }
  },

  async early_hints() {
    const { client } = await both();
    const got = await fetch(client, '/hints');
    assert.deepEqual(got.interim.map((head) => [head[':status'], head.link]),
                     [[103, '</style.css>; rel=preload'], [103, '</script.js>; rel=preload']]);
    assert.deepEqual([got.status, got.text], [200, 'after the hints']);
  },

  /** Before the answer, in the midst of it, in the midst of the request; by CANCEL, and by Node's destroy(): NO_ERROR. */
  async cancel() {
    const { origin, client } = await both();
    const flood = `/flood/${1 << 30}`;
    for (const leave of [(request) => request.close(NGHTTP2_CANCEL), (request) => request.destroy()]) {
      for (const [path, method] of [['/held', 'GET'], [flood, 'GET'], ['/deaf', 'POST']]) {
        const request = client.request({ ':path': path, ':method': method });
        request.on('error', () => {});
        if (method === 'POST') request.write(BLOCK);
        assert.equal((await origin.requests.take()).path, path);
        if (path === flood) await once(request, 'data');
        leave(request);
        const end = await origin.ends.take();
        assert.deepEqual([end.path, end.code], [path, NGHTTP2_CANCEL]);
      }
    }
    assert.equal((await fetch(client, '/echo')).status, 200, 'the connection goes on');
    assert.equal(origin.sessions, 1);
  },

  async client_leaves() {
    const { origin, client } = await both();
    client.request({ ':path': '/held' }).on('error', () => {});
    client.request({ ':path': `/flood/${1 << 30}` }).on('error', () => {}).resume();
    await origin.requests.take();
    await origin.requests.take();
    client.destroy();
    const ends = [await origin.ends.take(), await origin.ends.take()];
    assert.deepEqual(ends.map((end) => end.path).sort(), [`/flood/${1 << 30}`, '/held']);
  },

  async push() {
    const { client } = await both();
    client.on('stream', () => assert.fail('a pushed stream'));
    assert.deepEqual((await fetch(client, '/push')).json, { allowed: false });
  },

  /** Neither a client that does not read nor an origin that does not may make Weir take all there is. */
  async back_pressure() {
    const { origin, client } = await both();
    const size = 64 << 20;
    assert.equal((await fetch(client, '/echo')).status, 200);
    say('ready');
    await hear('go');
    const down = client.request({ ':path': `/flood/${size}` });
    await once(down, 'response');
    const deaf = client.request({ ':method': 'POST', ':path': '/deaf' });
    let sent = 0;
    const sending = (async () => {
      for (const part of bytes(size)) {
        if (!deaf.write(part)) await once(deaf, 'drain');
        sent += part.length;
      }
      deaf.end();
    })();
    const stopped = { down: await standstill(() => origin.written), up: await standstill(() => sent) };
    assert.equal((await fetch(client, `/bytes/${1 << 20}`)).text.length, 1 << 20, 'another stream goes on');
    say(stopped);
    await hear('read');
    origin.release.put();
    const up = digest(deaf);
    assert.equal((await digest(down)).length, size);
    await sending;
    assert.equal((await up).length > 0, true);
  },

  async events() {
    const { origin, client } = await both();
    const request = client.request({ ':path': '/sse', accept: 'text/event-stream' });
    await once(request, 'response');
    for (let n = 0; n < 5; ++n) {
      origin.next.put(String(n));
      assert.equal(String(await once(request, 'data')), `data: ${n}\n\n`); // and only then comes the next
    }
    origin.next.put(null);
    request.resume();
    await once(request, 'end');
  },

  async big_heads() {
    const { client } = await both({ maxHeaderListSize: 1 << 20 }, { maxSendHeaderBlockLength: 1 << 20 });
    const answer = await fetch(client, '/big_head/40000');
    assert.equal(answer.fields['x-filler-39'].length, 980);
    const fields = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`x-filler-${n}`, 'r'.repeat(980)]));
    const asked = await fetch(client, '/echo', { fields });
    assert.equal(asked.json.raw[asked.json.raw.indexOf('x-filler-39') + 1].length, 980);
    const tooBig = await fetch(client, '/echo', { fields: { ...fields, 'x-filler-40': 'r'.repeat(40_000) } });
    assert.equal(tooBig.status, 431);
    assert.equal((await fetch(client, '/echo')).status, 200, 'the connection goes on');
    const refused = await fetch(client, '/big_head/100000');
    assert.deepEqual([refused.status, refused.fields['x-weir-error']], [502, 'upstream_bad_response']);
  },

  async cookies() {
    const { client } = await both();
    const crumbs = await fetch(client, '/echo', { fields: { cookie: ['a=1', 'b=2', 'c=3'] } });
    const values = crumbs.json.raw.filter((_, n, all) => n % 2 && all[n - 1] === 'cookie');
    assert.equal(values.join('; '), 'a=1; b=2; c=3');
    const got = await fetch(client, '/cookies');
    assert.deepEqual(got.fields['set-cookie'], ['sid=s3cret; Path=/; HttpOnly', 'b=2', 'c=3']);
  },

  async origin_resets() {
    const { origin, client } = await both();
    for (const path of ['/reset', '/short']) {
      const request = client.request({ ':path': path });
      const ended = reset(request);
      assert.equal(String(await once(request, 'data')), '0123456789');
      origin.release.put();
      assert.notEqual(await ended, NGHTTP2_NO_ERROR, 'half a body may not pass for a whole one');
    }
    const refused = await fetch(client, '/refused_once');
    assert.deepEqual(refused.json, { tries: 2 });
    assert.equal((await fetch(client, '/echo')).status, 200);
  },

  async origin_leaves() {
    const { origin, client } = await both();
    assert.deepEqual((await fetch(client, '/goaway')).json, { session: 1 });
    assert.deepEqual((await fetch(client, '/goaway')).json, { session: 2 });
    assert.equal((await fetch(client, '/echo')).status, 200);
    assert.equal(origin.sessions, 3);
  },

  async answer_before_the_body() {
    const { client } = await both();
    const request = client.request({ ':method': 'POST', ':path': '/early' });
    request.on('error', () => {});
    request.write(BLOCK);
    const [fields] = await once(request, 'response');
    assert.equal(fields[':status'], 413);
    assert.equal(Buffer.concat(await request.toArray()).toString(), 'too much for me');
    request.close();
    assert.equal((await fetch(client, '/echo')).status, 200);
  },

  async other_authority() {
    const { origin, client } = await both();
    const other = await fetch(client, '/echo', { fields: { ':authority': 'elsewhere.example' } });
    assert.deepEqual([other.status, other.fields['x-weir-error']], [421, 'misdirected_request']);
    assert.ok(origin.requests.empty);
    assert.equal((await fetch(client, '/echo')).status, 200);
  },

  async drain() {
    const { origin, client } = await both();
    const held = fetch(client, '/held');
    await origin.requests.take();
    const leaving = once(client, 'goaway');
    say('held');
    assert.equal([await leaving].flat()[0], NGHTTP2_NO_ERROR);
    origin.release.put();
    assert.equal((await held).text, 'released');
    await once(client, 'close');
  },

  /** HTTP/2 with the client only: `config.origin` speaks HTTP/1. */
  async h1_origin() {
    const client = await session(config.origin);
    const seen = (await fetch(client, '/echo', { fields: { cookie: ['a=1', 'b=2'], te: 'trailers', 'x-mine': '1' } })).json;
    const fields = Object.fromEntries(seen.fields.map(([name, value]) => [name.toLowerCase(), value]));
    assert.deepEqual([seen.version, seen.path, fields.host, fields.cookie, fields['x-mine']],
                     ['HTTP/1.1', '/echo', new URL(config.origin).host, 'a=1; b=2', '1']);
    assert.equal(seen.fields.filter(([name]) => name.startsWith(':')).length, 0);
    const streamed = (await fetch(client, '/echo', { method: 'POST', body: ['one,', 'two'] })).json;
    assert.equal(streamed.body, 'one,two');
    const [up, down] = await Promise.all([
      fetch(client, '/upload', { method: 'POST', body: bytes(SIZE) }), digest(client.request({ ':path': `/bytes/${SIZE}` }))]);
    assert.deepEqual([up.json, down], [{ length: SIZE, sha256: sum(SIZE) }, { length: SIZE, sha256: sum(SIZE) }]);
    const head = await fetch(client, '/bytes/5000', { method: 'HEAD' });
    assert.deepEqual([head.fields['content-length'], head.text], ['5000', '']);
    for (const status of [204, 304]) assert.equal((await fetch(client, `/status/${status}`)).text, '');
    const chunked = await fetch(client, '/chunked');
    assert.deepEqual([chunked.text, chunked.fields['transfer-encoding']], ['one,two,three', undefined]);
    const trailers = await fetch(client, '/trailers');
    assert.deepEqual([trailers.text, trailers.trailers], ['body', { 'x-checksum': '41b5' }]);
    const hints = await fetch(client, '/early-hints');
    assert.deepEqual([hints.interim.length, hints.text], [1, 'after the hints\n']);
    const closing = await fetch(client, '/until_close');
    assert.deepEqual([closing.text, closing.fields.connection], ['until the end', undefined]);
    const half = client.request({ ':path': '/close_early' });
    const ended = reset(half);
    half.resume();
    assert.notEqual(await ended, NGHTTP2_NO_ERROR);
    assert.equal((await fetch(client, '/garbage')).status, 502);
    const many = await Promise.all(Array.from({ length: 60 }, (_, n) => fetch(client, `/echo?${n}`)));
    many.forEach((answer, n) => assert.equal(answer.json.path, `/echo?${n}`));
  },

  /** HTTP/2 with neither, though the origin could. */
  async h1_client() {
    const origin = await H2Origin.start({ http1: true });
    const socket = await secure(await connectThrough(origin.place), ['http/1.1']);
    const [response] = [await once(https.get(`${origin.url}/one`, { createConnection: () => socket }), 'response')].flat();
    assert.deepEqual([response.httpVersion, JSON.parse(Buffer.concat(await response.toArray()))],
                     ['1.1', { version: '1.1', path: '/one' }]);
  },

  /** npm's undici, which is Node's fetch. Its own ProxyAgent speaks HTTP/1 only. */
  async undici() {
    const { Agent, fetch: get } = await import('undici');
    const origin = await H2Origin.start();
    const connect = (options, done) => connectThrough(origin.place).then(secure).then((socket) => done(null, socket), done);
    const dispatcher = new Agent({ allowH2: true, connect });
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => get(`${origin.url}/echo?${n}`, { dispatcher })));
    for (const [n, answer] of answers.entries()) assert.equal((await answer.json()).path, `/echo?${n}`);
    const sent = await (await get(`${origin.url}/echo`, { dispatcher, method: 'POST', body: Buffer.alloc(1 << 20) })).json();
    assert.equal(sent.length, 1 << 20);
    const abort = new AbortController();
    const flood = await get(`${origin.url}/flood/${1 << 30}`, { dispatcher, signal: abort.signal });
    await flood.body.getReader().read();
    abort.abort();
    assert.equal((await origin.ends.take()).path, `/flood/${1 << 30}`);
  },

  /** Prior knowledge to the proxy itself: plain requests, and tunnels in streams. */
  async proxy_session() {
    const origin = await H2Origin.start();
    const client = await proxySession();
    const plain = await fetch(client, '/echo', { fields: { ':authority': config.place, ':scheme': 'http' } });
    assert.deepEqual([plain.status, plain.json.version], [200, 'HTTP/1.1']);
    const tunnels = await Promise.all(Array.from({ length: 5 }, async (_, n) => {
      const stream = client.request({ ':method': 'CONNECT', ':authority': origin.place }, { endStream: false });
      const [head] = [await once(stream, 'response')].flat();
      assert.equal(head[':status'], 200);
      const socket = await secure(stream);
      const inner = http2.connect(origin.url, { createConnection: () => socket });
      const [down, echo] = await Promise.all([digest(inner.request({ ':path': `/bytes/${4 << 20}` })), fetch(inner, `/echo?${n}`)]);
      assert.deepEqual([down, echo.json.path], [{ length: 4 << 20, sha256: sum(4 << 20) }, `/echo?${n}`]);
      return inner;
    }));
    tunnels[0].destroy();
    assert.equal((await fetch(tunnels[1], '/echo')).status, 200, 'one tunnel ends alone');
  },
});
